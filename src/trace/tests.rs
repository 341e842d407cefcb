//! Every format as it is found, and whatever else a file may hold.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Column, FORMATS, Format, Options, Trace, read};
use crate::Error;
use crate::progress::Progress;

const ACCESS_LOG: &str = r#"192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5.0"
192.0.2.2 - bob [10/Oct/2025:13:55:37 +0000] "HEAD /a HTTP/2.0" 200 0 "https://example.org/?q=\"x\"" "Mozilla/5.0 (X11; \"quoted\")"
192.0.2.1 - - [10/Oct/2025:13:55:38 +0000] "POST /a HTTP/1.1" 201 2
192.0.2.3 - - [10/Oct/2025:13:55:39 +0000] "GET /b?x=\"1\"&y=a b HTTP/1.1" 404 0
192.0.2.3 - - [10/Oct/2025:13:55:40 +0000] "\x16\x03\x01" 400 166
192.0.2.3 - - [10/Oct/2025:13:55:41 +0000] "GET /b?x=\"1\"&y=a b HTTP/1.0" 200 0
"#;

const MONITOR: &str = r#"OK
1339518083.107412 [0 127.0.0.1:60866] "GET" "user:7"
1339518083.107500 [0 127.0.0.1:60866] "set" "user:7" "GET"
1339518083.107600 [1 unix:/run/redis.sock] "get" "user:7"
1339518083.107700 [0 lua] "mget" "user:8" "a \"quoted\" \\" "user:7"
1339518083.107800 [0 [::1]:60866] "EXISTS" "\xff\n" "user:8"
+1339518083.107900 [0 127.0.0.1:60866] "hget" "\xff\n" "field"
what is this
"#;

fn options(format: Format) -> Options {
    Options { format: Some(format), ..Options::default() }
}

fn with_column(column: Column) -> Options {
    Options { column: Some(column), ..Options::default() }
}

fn named(name: &str) -> Options {
    with_column(Column::Named(name.to_owned()))
}

fn reading(content: &[u8], options: &Options) -> Result<Trace, Error> {
    read(content, options, &Progress::default())
}

fn read_as_it_is(content: &[u8]) -> Trace {
    reading(content, &Options::default()).expect("a trace")
}

fn complaint(content: &[u8], options: &Options) -> String {
    reading(content, options).expect_err("no trace").to_string()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(content).and_then(|()| packer.finish()).expect("a gzip stream")
}

fn numbers(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_le_bytes()).collect()
}

#[test]
fn lines_are_keys() {
    let trace = read_as_it_is("\u{feff}größe\r\nb\n\n a\ngröße\n  \na".as_bytes());
    assert_eq!((trace.keys, trace.unique, trace.format), (vec![0, 1, 2, 0, 3], 4, Format::Keys));
    assert_eq!((trace.lines.other, trace.lines.garbled), (2, 0));
}

#[test]
fn bytes_that_no_text_has_are_numbers() {
    let trace = read_as_it_is(&numbers(&[7, 0, 7, u64::MAX]));
    assert_eq!((trace.keys, trace.unique, trace.format), (vec![0, 1, 0, 2], 3, Format::U64));
}

#[test]
fn what_is_gzipped_is_unpacked_also_in_several_parts() {
    let parts = [gzipped(b"a\nb\n"), gzipped(b"a\n")].concat();
    assert_eq!(read_as_it_is(&parts), read_as_it_is(b"a\nb\na\n"));
    assert_eq!(read_as_it_is(&gzipped(&numbers(&[1, 0, 1]))).keys, [0, 1, 0]);
}

#[test]
fn the_key_of_a_web_log_is_what_get_and_head_ask_for() {
    let trace = read_as_it_is(ACCESS_LOG.as_bytes());
    assert_eq!((trace.keys, trace.format), (vec![0, 0, 1, 1], Format::AccessLog));
    assert_eq!((trace.lines.other, trace.lines.garbled, trace.lines.first_garbled), (1, 1, Some(5)));
}

#[test]
fn the_keys_of_redis_are_those_of_commands_that_read() {
    let trace = read_as_it_is(MONITOR.as_bytes());
    assert_eq!((trace.keys, trace.format), (vec![0, 1, 2, 3, 0, 4, 2, 4], Format::RedisMonitor));
    assert_eq!((trace.lines.other, trace.lines.garbled, trace.lines.first_garbled), (2, 1, Some(8)));
}

#[test]
fn the_column_of_a_table_is_known_by_name_or_number() {
    let table = b"time;url\n1;/a\n2;/b\n3;/a\n";
    assert_eq!(reading(table, &named("url")).expect("a trace").keys, [0, 1, 0]);
    assert_eq!(reading(table, &with_column(Column::Numbered(2))).expect("a trace").keys, [0, 1, 2, 1]);
    let spaces = Options { delimiter: Some(b' '), ..with_column(Column::Numbered(3)) };
    assert_eq!(reading(b"1 GET a\n2 GET b\n3 GET a\n", &spaces).expect("a trace").keys, [0, 1, 0]);
}

#[test]
fn a_table_with_a_column_named_key_needs_no_word() {
    let trace = read_as_it_is(b"time,key\n1,\"a,\"\"b\n\"\"\"\n2,b\n3\n4,\n5,b\n");
    assert_eq!((trace.keys, trace.format), (vec![0, 1, 1], Format::Csv));
    assert_eq!((trace.lines.other, trace.lines.garbled, trace.lines.first_garbled), (1, 2, Some(5)));
}

#[test]
fn a_table_without_the_column_says_which_it_has() {
    assert_eq!(
        complaint(b"time,url\n1,/a\n", &named("uri")),
        "it has no column \"uri\": its first line has \"time\", \"url\""
    );
    let unsaid = "none of its columns is called \"key\": say which of \"time\", \"url\" has the keys";
    assert_eq!(complaint(b"time,url\n1,/a\n", &options(Format::Csv)), unsaid);
    let number = |number| with_column(Column::Numbered(number));
    assert_eq!(complaint(b"1,/a\n", &number(3)), "it has no column 3: its first line has 2");
    assert_eq!(complaint(b"1,/a\n", &number(0)), "there is no column 0: the first has the number 1");
}

#[test]
fn the_limit_ends_the_reading() {
    for (content, keys) in [(&b"a\nb\na\nc\n"[..], 3), (&numbers(&[1, 2, 3, 4])[..29], 3), (MONITOR.as_bytes(), 3)] {
        let options = Options { limit: Some(keys), ..Options::default() };
        assert_eq!(reading(content, &options).expect("a trace").keys.len(), keys);
    }
}

#[test]
fn a_format_can_be_said() {
    assert_eq!(reading(b"12345678", &options(Format::U64)).expect("a trace").keys, [0]);
    assert_eq!(reading(ACCESS_LOG.as_bytes(), &options(Format::Keys)).expect("a trace").keys.len(), 6);
    assert!(FORMATS.iter().all(|&format| Format::named(format.name()) == Some(format)));
    assert_eq!(Format::named("none"), None);
}

#[test]
fn what_has_no_requests_is_told_why() {
    let posts = b"192.0.2.1 - - [10/Oct/2025:13:55:38 +0000] \"POST /a HTTP/1.1\" 201 2\n";
    assert_eq!(complaint(b"", &Options::default()), "it is empty");
    assert_eq!(complaint(&gzipped(b""), &options(Format::Csv)), "it is empty");
    assert_eq!(complaint(b" \n\n", &Options::default()), "none of its 2 lines is a request, read as keys");
    assert_eq!(complaint(posts, &Options::default()), "none of its 1 lines is a request, read as access-log");
    let garbled = complaint(b"\na\nb\n", &options(Format::RedisMonitor));
    assert!(garbled.starts_with("it has no line that can be read as redis-monitor") && garbled.ends_with("line 2"));
}

#[test]
fn what_is_damaged_is_told_how() {
    let whole = gzipped(&numbers(&[1, 2, 3]));
    let cut = complaint(&whole[..whole.len() - 6], &Options::default());
    assert!(cut.contains("cut off"), "{cut}");
    let mut wrong = whole.clone();
    wrong[whole.len() - 6] ^= 1;
    assert!(complaint(&wrong, &Options::default()).contains("damaged"));
    assert!(complaint(&[&whole[..], b"more than a header"].concat(), &Options::default()).contains("damaged"));
    assert!(complaint(b"BZh91AY&SY", &Options::default()).contains("bzip2"));
    let left_over = "it is read as numbers of 64 bits, and its 13 bytes are not a multiple of 8: 5 are left over";
    assert_eq!(complaint(&numbers(&[1, 2])[..13], &Options::default()), left_over);
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let endless = std::io::repeat(b'a').take(1 << 30);
    let error = read(endless, &Options::default(), &Progress::default()).expect_err("no trace");
    assert!(error.to_string().contains("line 1 is longer than"), "{error}");
}

#[test]
fn a_field_without_an_end_is_not_kept() {
    let endless = (&b"key,more\n1,"[..]).chain(std::io::repeat(b'a').take(1 << 30));
    let error = read(endless, &Options::default(), &Progress::default()).expect_err("no trace");
    assert!(error.to_string().contains("a line is longer than"), "{error}");
}

#[test]
fn a_quote_that_is_never_closed_is_told() {
    for content in ["key,more\n1,2\n\"3,4\n5,6\n7,8\n", "key,more\n1,2\n3,\"4\n5,6", "more,key\n1,2\n3,\"4\n5,6\n"] {
        let told = complaint(content.as_bytes(), &Options::default());
        assert!(told.contains("a quote in line 3 is never closed"), "{told}");
    }
    for content in ["key,more\n1,\"2\n\"\n", "key,more\n1,\"2\n3\"", "key,more\n\"1\n\",2", "key\n1\n\"2\n\"\r\n"] {
        assert!(reading(content.as_bytes(), &with_column(Column::Named("key".to_owned()))).is_ok(), "{content:?}");
    }
}

#[test]
fn reading_is_progress_and_stops_when_told() {
    let progress = Progress::default();
    read(&b"a\nb\n"[..], &Options::default(), &progress).expect("a trace");
    assert_eq!(progress.done(), 4);
    progress.stop();
    assert_eq!(read(&b"a\nb\n"[..], &Options::default(), &progress), Err(Error::Stopped));
    assert_eq!(read(&gzipped(b"a\nb\n")[..], &Options::default(), &progress), Err(Error::Stopped));
}

/// Any way to read.
fn any_options() -> impl Strategy<Value = Options> {
    let format = prop_oneof![Just(None), (0..FORMATS.len()).prop_map(|number| Some(FORMATS[number]))];
    let column = prop_oneof![
        Just(None),
        (0_usize..4).prop_map(|number| Some(Column::Numbered(number))),
        "[a-z]{0,3}".prop_map(|name| Some(Column::Named(name)))
    ];
    let limit = prop_oneof![Just(None), (0_usize..9).prop_map(Some)];
    (format, column, any::<Option<u8>>(), limit).prop_map(|(format, column, delimiter, limit)| Options {
        format,
        column,
        delimiter,
        limit,
    })
}

/// Bytes at random, or a good file with some of its bytes changed.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let table = b"time,key\n1,\"a,\n\"\n2,b\n";
    let good =
        prop_oneof![Just(ACCESS_LOG.as_bytes()), Just(MONITOR.as_bytes()), Just(&table[..])].prop_map(<[u8]>::to_vec);
    let packed = prop_oneof![good.clone().prop_map(|content| gzipped(&content)), Just(numbers(&[1, 2, 1])), good];
    let changed =
        (packed, vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)).prop_map(|(mut content, changes)| {
            changes.into_iter().for_each(|(place, byte)| *place.get_mut(&mut content[..]) = byte);
            content
        });
    prop_oneof![vec(any::<u8>(), 0..400), changed]
}

proptest! {
    #[test]
    fn whatever_it_holds_is_a_trace_or_an_error(content in any_content(), options in any_options()) {
        match reading(&content, &options) {
            Ok(trace) => {
                let seen = trace.keys.iter().try_fold(0, |seen, &key| (key <= seen).then_some(seen.max(key + 1)));
                prop_assert_eq!(seen, Some(trace.unique as u32), "keys are numbered as they come");
                prop_assert!(trace.keys.len() <= options.limit.unwrap_or(usize::MAX));
                prop_assert_eq!(trace.lines.garbled == 0, trace.lines.first_garbled.is_none());
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n'), "{}", error),
        }
    }

    #[test]
    fn keys_are_as_they_were_written(keys in vec(0_u64..50, 1..300)) {
        let mut known = Vec::new();
        let expected: Vec<u32> = keys.iter().map(|key| {
            let place = known.iter().position(|other| other == key).unwrap_or_else(|| { known.push(*key); known.len() - 1 });
            place as u32
        }).collect();
        let lines: String = keys.iter().map(|key| format!("a rather long key {key}\n")).collect();
        prop_assert_eq!(&read_as_it_is(&numbers(&keys)).keys, &expected);
        prop_assert_eq!(&read_as_it_is(&gzipped(lines.as_bytes())).keys, &expected);
    }
}
