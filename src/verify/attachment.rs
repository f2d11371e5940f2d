//! What somebody above has made of a verified token, so that it is made once and not for every request: the identity's header lines. `verify`
//! does not know what it is, only what it weighs.

use std::any::Any;

use super::VerifiedToken;
use super::cache::block;

/// Something that belongs to one verified token, and is remembered and forgotten with it. It has no Debug: it may hold claims.
pub struct Attachment {
    content: Box<dyn Any + Send + Sync>,
    bytes: usize,
}

/// Makes what is attached to a token; none: nothing.
pub(super) type Attach = Box<dyn Fn(&VerifiedToken) -> Option<Attachment>>;

impl Attachment {
    /// `heap`: bytes that `content` keeps in memory besides itself, with what an allocator adds ([`block`]), and never less.
    pub fn new<T: Any + Send + Sync>(content: T, heap: usize) -> Self {
        Self {
            content: Box::new(content),
            bytes: block(size_of::<T>()) + heap,
        }
    }

    /// All that it holds in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The content, for whoever knows what it is.
    pub(super) fn content<T: Any>(&self) -> Option<&T> {
        self.content.downcast_ref()
    }
}
