//! What has arrived of a file that is not here as a whole: kept piece by piece, so that a download that was
//! cut, by the network or by closing the page, goes on where it ended.

use super::store::Store;
use guise::weights::manifest::File;

/// A piece is kept once it has so many bytes, or when the download ends before.
const PIECE_BYTES: usize = 2 << 20;

/// The pieces of one file.
pub struct Pieces<'a> {
    store: Option<&'a Store>,
    sha256: &'a str,
    /// How many pieces are kept, and how many bytes they have together.
    kept: (usize, usize),
}

impl<'a> Pieces<'a> {
    /// The pieces that are kept of `file`, and their bytes. Only the whole file's hash says whether they are
    /// right.
    pub async fn read(store: Option<&'a Store>, file: &'a File) -> (Self, Vec<u8>) {
        let mut pieces = Self {
            store,
            sha256: &file.sha256,
            kept: (0, 0),
        };
        let mut bytes = vec![];
        while let Some(store) = store
            && let Some(piece) = store.read(&pieces.name(pieces.kept.0)).await
            && !piece.is_empty()
            && bytes.len() + piece.len() <= file.bytes as usize
        {
            bytes.extend(piece);
            pieces.kept = (pieces.kept.0 + 1, bytes.len());
        }
        (pieces, bytes)
    }

    /// Keeps what of `bytes`, all that has arrived so far, is not kept yet, if it is enough for a piece or
    /// the download has ended.
    pub async fn keep(&mut self, bytes: &[u8], has_ended: bool) {
        let Some(store) = self.store else { return };
        if bytes.len() < self.kept.1 {
            // The server has begun again.
            self.forget().await;
        }
        let (number, start) = self.kept;
        let enough = if has_ended { 1 } else { PIECE_BYTES };
        if bytes.len() - start >= enough && store.write(&self.name(number), &bytes[start..]).await {
            self.kept = (number + 1, bytes.len());
        }
    }

    /// Forgets all of them.
    pub async fn forget(&mut self) {
        let (number, _) = std::mem::take(&mut self.kept);
        if let Some(store) = self.store {
            for number in 0..number {
                store.forget(&self.name(number)).await;
            }
        }
    }

    fn name(&self, number: usize) -> String {
        format!("{}.{number}", self.sha256)
    }
}
