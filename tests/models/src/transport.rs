//! Of the doors only the trait that the pipe knows: see `src/transport/carrier.rs`.

use std::fmt::Debug;
use std::io::{self, IoSlice};

pub(crate) trait Writer: Send + Sync + Debug {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}
