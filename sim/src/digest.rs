//! Digests: are two states the same? 128-bit digests of anything that can be hashed, made once per value and shared.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// A value behind a pointer, with the digest of its content.
#[derive(Debug)]
pub struct Hashed<T> {
    digest: u128,
    value: Arc<T>,
}

impl<T: Hash> Hashed<T> {
    /// Digests a value once.
    pub fn new(value: T) -> Self {
        Hashed { digest: digest(&value), value: Arc::new(value) }
    }

    /// Its digest.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// The value, to be changed and digested again.
    pub fn into_inner(self) -> T
    where
        T: Clone,
    {
        Arc::unwrap_or_clone(self.value)
    }
}

impl<T> Clone for Hashed<T> {
    fn clone(&self) -> Self {
        Hashed { digest: self.digest, value: Arc::clone(&self.value) }
    }
}

impl<T> Deref for Hashed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Hashed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl<T> Eq for Hashed<T> {}

impl<T> Hash for Hashed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// The digest of a value. Two values of the same digest are taken for equal: with 10^8 states, the chance that
/// any two different ones share one of 2^128 digests is less than 10^-22.
pub fn digest(value: &impl Hash) -> u128 {
    thread_local! {
        static BYTES: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        let mut content = Content(std::mem::take(bytes));
        value.hash(&mut content);
        let digest = xxh3_128(&content.0);
        *bytes = content.0;
        digest
    })
}

/// What a value hashes, byte by byte: digested in one go, which is quicker than piece by piece.
struct Content(Vec<u8>);

impl Hasher for Content {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }
}
