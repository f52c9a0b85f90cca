//! Character sets: those of the web, and the code pages of DOS that old payroll programs still write.
//!
//! A code page of DOS is told from one of Windows by what it makes of the words: `J„ger` is no name, `Jäger` is.
//! Source: spec/sources.md §5.1; the tables are those of Unicode's `VENDORS/MICSFT/PC`.

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};
use std::borrow::Cow;

/// The upper halves of the code pages, from 0x80.
const CP437: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const CP850: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
    áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
    ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const CP852: &str = "\
    ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č\
    áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
    └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
    ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

/// How bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// One that browsers know.
    Web(&'static Encoding),
    /// A code page of DOS.
    Dos(&'static CodePage),
}

/// A code page of DOS: ASCII below, a table above.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodePage {
    name: &'static str,
    /// Other ways to write its name.
    labels: &'static [&'static str],
    upper: &'static str,
}

static CODE_PAGES: [CodePage; 3] = [
    CodePage { name: "cp850", labels: &["ibm850", "850", "dos-latin1", "oem850"], upper: CP850 },
    CodePage { name: "cp437", labels: &["ibm437", "437", "oem437"], upper: CP437 },
    CodePage { name: "cp852", labels: &["ibm852", "852", "dos-latin2", "oem852"], upper: CP852 },
];

impl Charset {
    pub(crate) const UTF_8: Self = Self::Web(UTF_8);

    /// The one that a setting names.
    pub(crate) fn named(label: &str) -> Option<Self> {
        let label = label.trim().to_ascii_lowercase().replace('_', "-");
        let page = CODE_PAGES.iter().find(|page| {
            let short = label.replacen("cp-", "cp", 1).replacen("ibm-", "ibm", 1);
            page.name == short || page.labels.contains(&short.as_str())
        });
        if let Some(page) = page {
            return Some(Self::Dos(page));
        }
        let label = match label.as_str() {
            "ansi" => "windows-1252",
            "utf16" => "utf-16",
            "utf-8-sig" | "utf8-bom" | "utf-8-bom" => "utf-8",
            "mac-roman" | "macroman" | "apple-roman" => "macintosh",
            other => other,
        };
        Encoding::for_label(label.as_bytes()).map(Self::Web)
    }

    /// Its name as a setting writes it.
    pub(crate) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Web(encoding) => encoding.name().to_ascii_lowercase().into(),
            Self::Dos(page) => page.name.into(),
        }
    }

    /// Text of some bytes from the beginning of a file, without a byte order mark.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Web(encoding) => encoding.decode_with_bom_removal(bytes).0,
            Self::Dos(_) if bytes.is_ascii() => String::from_utf8_lossy(bytes),
            Self::Dos(page) => {
                let letters = page.letters();
                bytes.iter().map(|byte| letter(&letters, *byte)).collect::<String>().into()
            }
        }
    }

    /// For reading piece by piece; `None` where the bytes are UTF-8 already.
    pub(crate) fn decoder(self) -> Option<Pieces> {
        match self {
            Self::Web(encoding) if encoding == UTF_8 => None,
            Self::Web(encoding) => Some(Pieces::Web(Box::new(encoding.new_decoder_with_bom_removal()))),
            Self::Dos(page) => Some(Pieces::Dos(Box::new(page.letters()))),
        }
    }

    /// The code page of DOS or of the Macintosh that makes better words of `sample` than `guess` does, else `guess`.
    pub(crate) fn plausible(guess: &'static Encoding, sample: &[u8]) -> Self {
        let mut best = Self::Web(guess);
        let first = Sense::of(&best.decode(sample));
        if first.nonsense == 0 {
            return best;
        }
        let mut score = first.score();
        // CP852 is not among them: of what it shares with CP850, Polish and Czech names have too little to be told apart.
        let others =
            [Self::Dos(&CODE_PAGES[0]), Self::Dos(&CODE_PAGES[1]), Self::Web(encoding_rs::MACINTOSH)];
        for other in others {
            let sense = Sense::of(&other.decode(sample));
            if sense.score() > score && sense.nonsense * 4 <= sense.letters {
                (best, score) = (other, sense.score());
            }
        }
        best
    }
}

impl CodePage {
    fn letters(&self) -> [char; 128] {
        let mut letters = [char::REPLACEMENT_CHARACTER; 128];
        letters.iter_mut().zip(self.upper.chars()).for_each(|(to, from)| *to = from);
        letters
    }
}

fn letter(upper: &[char; 128], byte: u8) -> char {
    if byte.is_ascii() { char::from(byte) } else { upper[usize::from(byte & 0x7f)] }
}

/// Decodes piece by piece.
pub(crate) enum Pieces {
    Web(Box<Decoder>),
    Dos(Box<[char; 128]>),
}

impl Pieces {
    /// As [`Decoder::decode_to_utf8`]: what became of it, bytes read, bytes written.
    pub(crate) fn decode(&mut self, bytes: &[u8], out: &mut [u8], last: bool) -> (CoderResult, usize, usize) {
        let upper = match self {
            Self::Web(decoder) => {
                let (result, read, written, _) = decoder.decode_to_utf8(bytes, out, last);
                return (result, read, written);
            }
            Self::Dos(upper) => upper,
        };
        let mut written = 0;
        for (read, byte) in bytes.iter().enumerate() {
            let letter = letter(upper, *byte);
            let Some(room) = out.get_mut(written..written + letter.len_utf8()) else {
                return (CoderResult::OutputFull, read, written);
            };
            letter.encode_utf8(room);
            written += letter.len_utf8();
        }
        (CoderResult::InputEmpty, bytes.len(), written)
    }
}

/// How much of a text's letters beyond ASCII stand where letters stand.
#[derive(Debug, Default)]
struct Sense {
    letters: usize,
    nonsense: usize,
}

impl Sense {
    fn of(text: &str) -> Self {
        let mut sense = Self::default();
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let after = rest.peek().copied();
            if !c.is_ascii() {
                sense.look(before, c, after);
            }
            before = Some(c);
        }
        sense
    }

    fn look(&mut self, before: Option<char>, c: char, after: Option<char>) {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        let latin =
            matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && c.is_alphabetic() && c != 'ƒ';
        let in_word = is_letter(before) && is_letter(after);
        let strange = if c.is_control() || c == char::REPLACEMENT_CHARACTER {
            true
        } else if latin && c.is_lowercase() {
            // MšLLER
            before.is_some_and(|b| b.is_ascii_uppercase()) && after.is_some_and(|a| a.is_ascii_uppercase())
        } else if latin {
            // RŽmy, JŠger
            let small = |c: Option<char>| c.is_some_and(char::is_lowercase);
            small(before) || (is_letter(before) && small(after))
        } else if c.is_alphabetic() {
            // Other scripts stand among themselves.
            before.is_some_and(|b| b.is_ascii_alphabetic()) || after.is_some_and(|a| a.is_ascii_alphabetic())
        } else {
            // Jean–Luc, but not Pe–a
            let joins = c == '–' && after.is_some_and(char::is_uppercase);
            in_word && !joins && !matches!(c, '’' | '‘' | '´' | '‐' | '·' | '\u{a0}' | '\u{ad}')
        };
        if strange {
            self.nonsense += 1;
        } else if c.is_alphabetic() && (is_letter(before) || is_letter(after)) {
            self.letters += 1;
        }
    }

    fn score(&self) -> i64 {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 8);
        number(self.letters) - 3 * number(self.nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str, page: &CodePage) -> Vec<u8> {
        let letters = page.letters();
        let byte = |c: char| match c {
            c if c.is_ascii() => c as u8,
            c => 0x80 | letters.iter().position(|l| *l == c).unwrap() as u8,
        };
        text.chars().map(byte).collect()
    }

    #[test]
    fn tables_are_whole_and_known_bytes_are_what_they_should_be() {
        for page in &CODE_PAGES {
            assert_eq!(page.upper.chars().count(), 128, "{}", page.name);
            assert!(!page.upper.contains(char::REPLACEMENT_CHARACTER), "{}", page.name);
        }
        for (label, bytes, text) in [
            ("cp850", &b"\x84\x94\x81\xe1\x8e\x99\x9a\x9b\x9d\xb5"[..], "äöüßÄÖÜøØÁ"),
            ("CP437", b"\x84\x94\x81\xe1\x8e\x99\x9a\x9b", "äöüßÄÖÜ¢"),
            ("ibm852", b"\x88\xa5\x98", "łąś"),
            ("IBM_850", b"\x82", "é"),
            ("Mac_Roman", b"\x8a\x9a\x9f\xa7", "äöüß"),
            ("ANSI", b"\xfc", "ü"),
        ] {
            assert_eq!(Charset::named(label).unwrap().decode(bytes), text, "{label}");
        }
        assert!(Charset::named("klingon").is_none());
    }

    #[test]
    fn words_tell_the_code_page() {
        for text in [
            "Jäger;Müller\n",
            "MÜLLER;GROß\nJÄGER\n",
            "Größe;Straße;Öhringer\n",
            "Hélène;François;Noël;Gérôme\n",
            "Søren;Bjørn;Åse\n",
            "Núñez;Peña;María\n",
        ] {
            let (dos, mac, windows) = (
                encode(text, &CODE_PAGES[0]),
                mac(text),
                encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
            );
            let guess = encoding_rs::WINDOWS_1252;
            assert_eq!(Charset::plausible(guess, &dos).decode(&dos), text);
            assert_eq!(Charset::plausible(guess, &mac).decode(&mac), text);
            assert_eq!(Charset::plausible(guess, &windows), Charset::Web(guess), "{text}");
        }
        // Signs of Windows stay what they are.
        let text = "O’Brien – “Ann”;5 €;Škoda;œuvre\n";
        let bytes = encoding_rs::WINDOWS_1252.encode(text).0;
        assert_eq!(Charset::plausible(encoding_rs::WINDOWS_1252, &bytes).decode(&bytes), text);
    }

    fn mac(text: &str) -> Vec<u8> {
        text.chars()
            .map(|c| {
                let is = |byte: &u8| encoding_rs::MACINTOSH.decode(&[*byte]).0 == c.to_string();
                (0..=255u8).find(is).unwrap()
            })
            .collect()
    }

    #[test]
    fn pieces_are_cut_anywhere() {
        let bytes = encode("Müller;Größe\n", &CODE_PAGES[0]);
        let mut pieces = Charset::Dos(&CODE_PAGES[0]).decoder().unwrap();
        let (mut text, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            let mut out = [0; 3];
            let (_, read, written) = pieces.decode(rest, &mut out, true);
            text.extend_from_slice(&out[..written]);
            rest = &rest[read..];
        }
        assert_eq!(String::from_utf8(text).unwrap(), "Müller;Größe\n");
    }
}
