//! Lists that states share: how does a state keep what most steps leave alone? One copy for all, until one changes it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A list that is copied only when it is changed while others share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SharedList<T>(Arc<Vec<T>>);

impl<T> FromIterator<T> for SharedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        SharedList(Arc::new(items.into_iter().collect()))
    }
}

impl<T> Deref for SharedList<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Clone> DerefMut for SharedList<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        Arc::make_mut(&mut self.0)
    }
}
