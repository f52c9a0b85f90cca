//! Bytes of a file as UTF-8 text, piece by piece.
//!
//! Order of belief: byte order mark, configured encoding, valid UTF-8, guess (reported). spec/sources.md §5.1.

use crate::charset::{Charset, Pieces};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Encoding, UTF_16BE, UTF_16LE};
use std::io::{self, Read};
use std::ops::Range;

const CHUNK: usize = 1 << 17;
/// Bytes of which words are made to tell code pages apart.
const SAMPLE: usize = 1 << 18;

/// How sure the encoding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// A byte order mark says so.
    Mark,
    /// Every byte fits UTF-8 (plain ASCII included), or the zero bytes of UTF-16 show it.
    Valid,
    /// Settings say so.
    Configured,
    /// What the frequencies of letters look like.
    Guessed,
}

/// Reads a whole input to find its encoding, with little memory.
pub(crate) fn detect(mut input: impl Read) -> io::Result<(Charset, Certainty)> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut buffer = vec![0; CHUNK];
    let mut kept = 0;
    let mut sample = Vec::new();
    let (mut good, mut bad, mut total, mut fed) = (0usize, 0usize, 0usize, 0usize);
    loop {
        let read = input.read(&mut buffer[kept..])?;
        let filled = kept + read;
        if total == 0 {
            if let Some((encoding, _)) = Encoding::for_bom(&buffer[..filled]) {
                return Ok((Charset::Web(encoding), Certainty::Mark));
            }
            if let Some(encoding) = zero_bytes(&buffer[..filled]) {
                return Ok((Charset::Web(encoding), Certainty::Valid));
            }
        }
        total += read;
        let mut rest = &buffer[..filled];
        let last = read == 0;
        kept = loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    good += non_ascii(text.as_bytes());
                    break 0;
                }
                Err(e) => {
                    good += non_ascii(&rest[..e.valid_up_to()]);
                    match e.error_len() {
                        None if !last && rest.len() - e.valid_up_to() < 4 => {
                            break rest.len() - e.valid_up_to();
                        }
                        None => {
                            bad += 1;
                            break 0;
                        }
                        Some(n) => {
                            bad += 1;
                            rest = &rest[e.valid_up_to() + n..];
                        }
                    }
                }
            }
        };
        if bad > 0 && fed < 4 << 20 {
            detector.feed(&buffer[..filled - kept], last);
            fed += filled;
            words(&buffer[..filled - kept], &mut sample);
        }
        buffer.copy_within(filled - kept..filled, 0);
        if last {
            break;
        }
    }
    if bad == 0 || good > bad * 8 {
        return Ok((Charset::UTF_8, Certainty::Valid));
    }
    let guess = detector.guess(None, Utf8Detection::Deny);
    Ok((Charset::plausible(guess, &sample), Certainty::Guessed))
}

/// Adds the lines that are no ASCII, as long as they are few.
fn words(bytes: &[u8], sample: &mut Vec<u8>) {
    for line in bytes.split_inclusive(|b| *b == b'\n').filter(|line| !line.is_ascii()) {
        if sample.len() + line.len() > SAMPLE {
            return;
        }
        sample.extend_from_slice(line);
    }
}

fn non_ascii(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { 0 } else { bytes.iter().filter(|b| **b >= 0xc0).count() }
}

fn zero_bytes(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(4096) & !1];
    let half = head.len() / 2;
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    if half >= 8 && zeros(1) * 10 > half * 4 && zeros(0) == 0 {
        return Some(UTF_16LE);
    }
    (half >= 8 && zeros(0) * 10 > half * 4 && zeros(1) == 0).then_some(UTF_16BE)
}

/// Decoded text with a window that grows as far as one record needs.
pub(crate) struct TextStream {
    input: Box<dyn Read + Send>,
    decoder: Option<Pieces>,
    undecoded: Vec<u8>,
    input_ended: bool,
    first: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl TextStream {
    pub(crate) fn new(input: Box<dyn Read + Send>, charset: Charset) -> Self {
        Self {
            input,
            decoder: charset.decoder(),
            undecoded: Vec::new(),
            input_ended: false,
            first: true,
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// What is decoded and not yet consumed.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether the window reaches to the end of the file.
    pub(crate) fn ended(&self) -> bool {
        self.input_ended
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Takes bytes off the window and tells where they lie until the next [`Self::fill`].
    pub(crate) fn take(&mut self, bytes: usize) -> Range<usize> {
        let from = self.start;
        self.consume(bytes);
        from..self.start
    }

    /// Bytes that were taken off.
    pub(crate) fn taken(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// Makes the window longer, unless the file has ended.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        if self.input_ended {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.decoder.is_some() {
            self.fill_decoded()?
        } else {
            self.fill_plain()?
        }
        if self.first && self.end > 0 {
            self.first = false;
            if self.buffer[..self.end].starts_with("\u{feff}".as_bytes()) {
                self.start = 3;
            }
        }
        Ok(())
    }

    fn room(&mut self) {
        if self.buffer.len() < self.end + CHUNK {
            self.buffer.resize(self.end + CHUNK, 0);
        }
    }

    fn fill_plain(&mut self) -> io::Result<()> {
        self.room();
        let wanted = self.end + CHUNK;
        while self.end < wanted {
            match self.input.read(&mut self.buffer[self.end..wanted]) {
                Ok(0) => {
                    self.input_ended = true;
                    break;
                }
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn fill_decoded(&mut self) -> io::Result<()> {
        let kept = self.undecoded.len();
        self.undecoded.resize(kept + CHUNK / 4, 0);
        let read = self.input.read(&mut self.undecoded[kept..])?;
        self.undecoded.truncate(kept + read);
        let last = read == 0;
        loop {
            self.room();
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            let (result, consumed, written) =
                decoder.decode(&self.undecoded, &mut self.buffer[self.end..], last);
            self.undecoded.drain(..consumed);
            self.end += written;
            if result == CoderResult::InputEmpty {
                self.input_ended = last;
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], encoding: Charset) -> String {
        let mut stream = TextStream::new(Box::new(io::Cursor::new(bytes.to_vec())), encoding);
        let mut text = Vec::new();
        while !stream.ended() {
            stream.fill().unwrap();
            let n = stream.window().len();
            let range = stream.take(n);
            text.extend_from_slice(stream.taken(&range));
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn encodings_are_told_apart() {
        let german = "Name;Straße\nMüller;Königsallee\nGroß;Öhringer Weg\n";
        let wide: Vec<u8> = german.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked: Vec<u8> = [&[0xff, 0xfe], &wide[..]].concat();
        let latin = encoding_rs::WINDOWS_1252.encode(german).0.into_owned();
        let bom = format!("\u{feff}{german}");
        for (bytes, certainty) in [
            (german.as_bytes(), Certainty::Valid),
            (&wide, Certainty::Valid),
            (&marked, Certainty::Mark),
            (&latin, Certainty::Guessed),
            (bom.as_bytes(), Certainty::Mark),
        ] {
            let (encoding, how) = detect(bytes).unwrap();
            assert_eq!((all(bytes, encoding).as_str(), how), (german, certainty));
        }
        let polish = "Imię;Nazwisko\nŁukasz;Źródłowski\nŚwiętosław;Gołębiewska\nMałgorzata;Dąbrowska\n";
        let bytes = encoding_rs::WINDOWS_1250.encode(polish).0.into_owned();
        assert_eq!(all(&bytes, detect(&bytes[..]).unwrap().0), polish);
    }

    #[test]
    fn a_broken_byte_among_much_utf8_stays_utf8() {
        let mut bytes = "Müller;Größe;Straße;Käthe;Jürgen\n".repeat(20).into_bytes();
        bytes.extend_from_slice(b"M\xfcller\n");
        assert_eq!(detect(&bytes[..]).unwrap().0, Charset::UTF_8);
    }
}
