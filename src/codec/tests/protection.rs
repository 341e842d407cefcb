//! Signatures and encryption: who may make what is opened, and who may read it.

use super::*;
use crate::error::Error;

type Protect = fn(Secrets) -> Protection;

const WITH_SECRETS: [Protect; 2] = [Protection::Signed, Protection::Encrypted];

fn format(protection: Protection) -> Format {
    Format { protection, ..Format::default() }
}

fn small(format: &Format) -> Vec<u8> {
    sealed(format, KEY.into(), &header(&["user:7"]), b"the payload")
}

#[test]
fn one_secret_follows_another() {
    for protect in WITH_SECRETS {
        let [old, new] = [OLD, NEW].map(|secret| format(protect(secrets(&[secret]))));
        let between = format(protect(secrets(&[NEW, OLD])));
        assert!(between.open(KEY, &small(&old)).is_ok(), "what the old one sealed is still read");
        assert!(between.open(KEY, &small(&new)).is_ok());
        assert!(new.open(KEY, &small(&between)).is_ok(), "the first seals");
        assert_eq!(old.open(KEY, &small(&between)), Err(Unopened::UnknownSecret));
        assert_eq!(new.open(KEY, &small(&old)), Err(Unopened::UnknownSecret));
    }
}

#[test]
fn what_is_less_protected_than_demanded_is_refused() {
    let plain = Format::default();
    let [signed, encrypted] = WITH_SECRETS.map(|protect| format(protect(secrets(&[NEW]))));
    assert_eq!(signed.open(KEY, &small(&plain)), Err(Unopened::Unprotected));
    assert_eq!(encrypted.open(KEY, &small(&plain)), Err(Unopened::Unprotected));
    assert_eq!(encrypted.open(KEY, &small(&signed)), Err(Unopened::Unprotected));
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let plain = Format::default();
    let [signed, encrypted] = WITH_SECRETS.map(|protect| format(protect(secrets(&[NEW]))));
    assert_eq!(plain.open(KEY, &small(&signed)), Err(Unopened::UnknownSecret));
    assert_eq!(plain.open(KEY, &small(&encrypted)), Err(Unopened::UnknownSecret));
    assert_eq!(signed.open(KEY, &small(&encrypted)), Err(Unopened::UnknownSecret));
}

#[test]
fn a_signature_is_not_one_of_another_secret_that_is_known() {
    for protect in WITH_SECRETS {
        let both = format(protect(secrets(&[NEW, OLD])));
        let bytes = small(&both);
        let id_of_old = small(&format(protect(secrets(&[OLD]))))[56..64].to_vec();
        let renamed = [&bytes[..56], &id_of_old, &bytes[64..]].concat();
        assert_eq!(both.open(KEY, &renamed), Err(Unopened::Forged));
    }
}

#[test]
fn what_is_encrypted_cannot_be_read_and_what_a_store_needs_can() {
    let format = format(Protection::Encrypted(secrets(&[NEW])));
    let bytes = sealed(&format, long_key(b"a key of some length"), &header(&["user:7"]), b"the payload");
    for hidden in [&b"the payload"[..], b"user:7", b"a key of some length"] {
        assert!(!bytes.windows(hidden.len()).any(|part| part == hidden), "{}", String::from_utf8_lossy(hidden));
    }
    let seen = super::super::Glimpse::of(&bytes).unwrap();
    assert_eq!((seen.clock, seen.gone_at), (CLOCK, u64::MAX));
}

#[test]
fn nothing_is_encrypted_twice_to_the_same_bytes() {
    let format = format(Protection::Encrypted(secrets(&[NEW])));
    let [one, other] = [small(&format), small(&format)];
    assert_ne!(one[64..88], other[64..88], "the nonce");
    assert_ne!(one[88..], other[88..]);
}

#[test]
fn a_part_of_one_encrypted_envelope_does_not_fit_another() {
    let format = format(Protection::Encrypted(secrets(&[NEW])));
    let [one, other] = [small(&format), small(&format)];
    // Head, id, nonce, ciphertext, tag and signature.
    let borders = [0, 56, 64, 88, one.len() - 32, one.len() - 16, one.len()];
    for part in borders.windows(2).skip(2) {
        let mixed = [&one[..part[0]], &other[part[0]..part[1]], &one[part[1]..]].concat();
        assert_eq!(format.open(KEY, &mixed), Err(Unopened::Forged), "{part:?}");
    }
}

#[test]
fn secrets_are_long_enough_and_there_is_one() {
    assert_eq!(Secrets::new(&[&[0; 15]]), Err(Error::ShortSecret { bytes: 15, least: 16 }));
    assert_eq!(Secrets::new(&[&[0; 16][..], b"short"]), Err(Error::ShortSecret { bytes: 5, least: 16 }));
    assert_eq!(Secrets::new(&[] as &[&[u8]]), Err(Error::NoSecret));
    assert!(Secrets::new(&[[0; 16]]).is_ok());
    assert!(Error::ShortSecret { bytes: 5, least: 16 }.to_string().contains("a secret of 5 bytes"));
}

#[test]
fn a_secret_is_not_shown() {
    let shown = format!("{:?}", format(Protection::Signed(secrets(&[NEW]))));
    assert!(shown.contains("Secret("), "{shown}");
    assert!(!shown.contains("secret of some bytes") && shown.len() < 300, "{shown}");
}
