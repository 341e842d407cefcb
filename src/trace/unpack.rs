//! The bytes of a file, decompressed if they are gzip.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::Error;
use crate::progress::Progress;

const GZIP: &[u8] = b"\x1f\x8b";

/// Packers that are recognised and not understood, by how what they made begins.
const OTHERS: [(&str, &[u8]); 4] =
    [("zstd", b"\x28\xb5\x2f\xfd"), ("xz", b"\xfd7zXZ\x00"), ("bzip2", b"BZh"), ("zip", b"PK\x03\x04")];

/// The bytes that tell how a file is packed.
const MAGIC_BYTES: u64 = 6;
/// The bytes that are read at once.
const BYTES_AT_ONCE: usize = 1 << 18;

/// An input whose bytes are counted as progress.
struct Counted<'a, R> {
    inner: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.advance(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}

/// What is in the input.
pub(super) fn unpacked<'a>(input: impl Read + 'a, progress: &'a Progress) -> Result<Box<dyn Read + 'a>, Error> {
    let mut input = BufReader::with_capacity(BYTES_AT_ONCE, Counted { inner: input, progress });
    let mut magic = Vec::new();
    input.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic).map_err(|error| unreadable(&error))?;
    if let Some((packer, _)) = OTHERS.iter().find(|(_, beginning)| magic.starts_with(beginning)) {
        let reason = format!("it is packed with {packer}: unpack it, or pack it with gzip");
        return Err(Error::InvalidTrace { reason });
    }
    let is_gzip = magic.starts_with(GZIP);
    let whole = Cursor::new(magic).chain(input);
    if is_gzip {
        Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BYTES_AT_ONCE, whole))))
    } else {
        Ok(Box::new(whole))
    }
}

/// What is said of an input that fails.
pub(super) fn unreadable(error: &io::Error) -> Error {
    if let Some(Error::Stopped) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Error::Stopped;
    }
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "its gzip stream is cut off: fetch or pack the file again".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("its gzip stream is damaged ({error}): fetch or pack the file again")
        }
        _ => format!("it cannot be read: {error}"),
    };
    Error::InvalidTrace { reason }
}
