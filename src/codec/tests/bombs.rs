//! Payloads that say that they are more, or less, than they are.

use super::super::MOST_PAYLOAD_BYTES;
use super::super::compress::{LZ4, ZSTD, decompress};
use super::super::layout::HEAD_BYTES;
use super::*;

/// Bytes that the bomb becomes.
const BOMB_BYTES: usize = 32 << 20;

fn zstd(payload: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(payload, 3).unwrap()
}

/// An envelope whose payload was compressed and says that it was so many bytes.
fn claiming(method: u8, packed: &[u8], bytes: u32) -> Vec<u8> {
    made(&Format::default(), |envelope| {
        envelope[4] = method;
        envelope[52..56].copy_from_slice(&bytes.to_le_bytes());
        envelope.truncate(HEAD_BYTES);
        envelope.extend_from_slice(packed);
    })
}

#[test]
fn a_payload_has_the_bytes_that_it_says_or_is_none() {
    let payload = payload();
    let length = payload.len() as u32;
    for (method, packed) in [(ZSTD, zstd(&payload)), (LZ4, lz4_flex::block::compress(&payload))] {
        assert_eq!(decompress(method, &packed, length).as_deref(), Ok(&payload[..]));
        for bytes in [0, 1, length - 1, length + 1, length * 2] {
            assert!(decompress(method, &packed, bytes).is_err(), "{bytes} by {method}");
        }
        for cut in 0..packed.len() {
            assert!(decompress(method, &packed[..cut], length).is_err(), "{cut} of {} by {method}", packed.len());
        }
    }
}

#[test]
fn few_bytes_do_not_become_more_than_they_can() {
    let impossible = Unopened::Undecodable("so few bytes cannot be so many");
    for (method, bytes_at_most) in [(ZSTD, 20 * (32 << 10)), (LZ4, 20 * 255)] {
        let open = |bytes| Format::default().open(KEY, &claiming(method, &[0; 20], bytes)).unwrap_err();
        assert_eq!(open(bytes_at_most + 1), impossible);
        assert_eq!(open(MOST_PAYLOAD_BYTES), impossible);
        assert_ne!(open(bytes_at_most), impossible);
        let too_large = Unopened::TooLarge { bytes: MOST_PAYLOAD_BYTES + 1, most: MOST_PAYLOAD_BYTES };
        assert_eq!(open(MOST_PAYLOAD_BYTES + 1), too_large);
    }
}

#[test]
fn what_becomes_as_much_as_can_be_is_not_called_impossible() {
    let zeros = vec![0; BOMB_BYTES];
    for (method, packed) in [(ZSTD, zstd(&zeros)), (LZ4, lz4_flex::block::compress(&zeros))] {
        assert_eq!(decompress(method, &packed, BOMB_BYTES as u32).map(|payload| payload == zeros), Ok(true));
    }
}

#[test]
fn a_bomb_ends_at_what_it_says() {
    let bomb = zstd(&vec![0; BOMB_BYTES]);
    let says_less = claiming(ZSTD, &bomb, 1_000);
    assert_eq!(
        Format::default().open(KEY, &says_less),
        Err(Unopened::Undecodable("its payload cannot be decompressed"))
    );
    let strict = Format { most_bytes: 1 << 20, ..Format::default() };
    let says_all = claiming(ZSTD, &bomb, BOMB_BYTES as u32);
    assert_eq!(strict.open(KEY, &says_all), Err(Unopened::TooLarge { bytes: BOMB_BYTES as u32, most: 1 << 20 }));
}

#[test]
fn what_follows_a_payload_is_an_error() {
    for (method, mut packed) in [(ZSTD, zstd(&payload())), (LZ4, lz4_flex::block::compress(&payload()))] {
        packed.extend_from_slice(b"more");
        assert!(Format::default().open(KEY, &claiming(method, &packed, payload().len() as u32)).is_err());
    }
}
