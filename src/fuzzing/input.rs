//! What a fuzzer gives, taken bit by bit: first what decides how something is done, then with what.

/// Bytes of which none is left at some time; then everything is zero, or empty.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    /// So many bytes, or what there is.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind their number, which is one byte.
    pub(super) fn chunk(&mut self) -> &'a [u8] {
        let len = self.byte();
        self.take(usize::from(len))
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// One of these.
    pub(super) fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// How a stream is cut: a few sizes of pieces, to be used in turn; none of them is zero.
    pub(super) fn cuts(&mut self) -> Vec<usize> {
        let cuts = self.chunk();
        cuts.iter().map(|&cut| usize::from(cut).max(1)).collect()
    }
}

/// The pieces of a stream that is cut so; all of it if it is not cut.
pub(super) fn pieces<'a>(stream: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    let mut sizes = cuts.iter().cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = sizes.next().copied().unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        Some(piece)
    })
}
