//! A head and a short body leave in one piece: the kernel takes one buffer on a shorter way than a list of them, and most answers are short.

use std::io::IoSlice;

/// A head with a small body. Longer ones are not worth the copy.
pub(super) const SMALL: usize = 1024;

/// The pieces as one, if there is only one or they are short together; `buffer` is where they are put.
pub(super) fn in_one_piece<'b>(
    pieces: &'b [IoSlice<'b>],
    buffer: &'b mut [u8; SMALL],
) -> Option<&'b [u8]> {
    if let [piece] = pieces {
        return Some(piece);
    }
    let mut filled = 0;
    for piece in pieces {
        let end = filled + piece.len();
        buffer.get_mut(filled..end)?.copy_from_slice(piece);
        filled = end;
    }
    buffer.get(..filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_piece_is_all_pieces_in_their_order(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..5)) {
            let all = pieces.concat();
            let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut buffer = [0; SMALL];
            let fits = pieces.len() == 1 || all.len() <= SMALL;
            prop_assert_eq!(in_one_piece(&slices, &mut buffer), fits.then_some(all.as_slice()));
        }
    }
}
