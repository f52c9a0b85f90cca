//! Repeatable chance, and what it does to text.

/// SplitMix64: the same number gives the same case on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `sides` − 1; 0 when there are none.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        if sides == 0 { 0 } else { (self.next() % sides as u64) as usize }
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    pub(crate) fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.roll(from.len())]
    }
}

/// What breaks readers: delimiters, quotes, ends, marks, numbers and dates at their borders.
pub(crate) const TOKENS: &[&str] = &[
    ",",
    ";",
    "\t",
    "|",
    "^",
    "||",
    "\"",
    "\"\"",
    "\"\"\"",
    "'",
    "\\",
    "\\\"",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\u{feff}",
    "\0",
    "\u{1a}",
    "\u{1f}",
    "\u{fffd}",
    "\u{301}",
    "\u{200b}",
    "\u{202e}",
    "ß",
    "İ",
    "😀",
    "NULL",
    "#N/A",
    "-",
    "0",
    "00000000",
    "-1",
    "1e9",
    "4.47912E+11",
    "99999999999999999999999999",
    "0.1",
    "NaN",
    "true",
    "null",
    "2025-02-29",
    "31.31.2025",
    "9999-12-31",
    "0000-00-00",
    "0001-01-01",
    "12/31/99",
    "45720",
    "2958466",
    "/Date(1388534400000+0000)/",
    "/Date(-99999999999999999)/",
    "1-Mar-25",
    "20250304",
    "2025-03-04T23:59:60Z",
    "a@b.example",
    "<a@b>",
    "@",
    ".@.",
    "Active",
    "T",
    "sep=;",
    "TRAILER|5",
    "Total: 3",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ":",
    "[{",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "{\"a\":[{\"type\":\"work\",\"primary\":true,\"value\":\"x\"}]}",
    "\"/work/title\":{\"value\":\"x\"}",
    "=1+1",
    "  ",
    "\u{a0}",
];

/// Damages text in one to six places.
pub(crate) fn mutate(text: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(text.len() + 1);
        match dice.roll(14) {
            0 => text.truncate(at),
            1 if at < text.len() => text[at] ^= 1 << dice.roll(8),
            2 => insert(text, at, dice.pick(TOKENS).as_bytes()),
            3 => {
                let end = (at + dice.roll(40)).min(text.len());
                text.drain(at..end);
            }
            4 => {
                let end = (at + dice.roll(400)).min(text.len());
                let piece = text[at..end].to_vec();
                let to = dice.roll(text.len() + 1);
                insert(text, to, &piece);
            }
            5 => swap_lines(text, dice),
            6 | 7 => change_cell(text, dice),
            8 => {
                let other = &corpus[dice.roll(corpus.len())];
                let from = dice.roll(other.len() + 1);
                let end = (from + dice.roll(600)).min(other.len());
                insert(text, at, &other[from..end]);
            }
            9 => {
                let token = dice.pick(TOKENS).as_bytes().repeat(1 + dice.roll(300));
                insert(text, at, &token);
            }
            10 => replace_all(text, dice),
            11 => {
                let random: Vec<u8> = (0..dice.roll(12)).map(|_| dice.roll(256) as u8).collect();
                insert(text, at, &random);
            }
            12 if dice.one_in(4) => *text = text.repeat(2 + dice.roll(4)),
            _ => insert(text, at, b"\n"),
        }
        text.truncate(1 << 18);
    }
}

/// Writes text in another encoding, with a mark or without.
pub(crate) fn encode(text: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    match dice.roll(12) {
        0 => [b"\xef\xbb\xbf", &text[..]].concat(),
        1 => {
            [b"\xff\xfe".to_vec(), lossy(&text).encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
        }
        2 => lossy(&text).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        3 => lossy(&text).encode_utf16().flat_map(u16::to_be_bytes).collect(),
        4 => lossy(&text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        _ => text,
    }
}

fn insert(text: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(text.len());
    text.splice(at..at, piece.iter().copied());
}

fn swap_lines(text: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let (a, b) = (dice.roll(lines.len()), dice.roll(lines.len()));
    match dice.roll(3) {
        0 => lines.swap(a, b),
        1 => lines.insert(b, lines[a]),
        _ => drop(lines.remove(a)),
    }
    *text = lines.join(&b'\n');
}

/// Puts a token in place of one cell or JSON value.
fn change_cell(text: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.roll(text.len() + 1);
    let border =
        |b: &u8| matches!(b, b',' | b';' | b'\t' | b'|' | b'\n' | b':' | b'{' | b'}' | b'"' | b'<' | b'>');
    let start = text[..at].iter().rposition(border).map_or(0, |p| p + 1);
    let end = text[at..].iter().position(border).map_or(text.len(), |p| at + p);
    text.splice(start..end, dice.pick(TOKENS).bytes());
}

fn replace_all(text: &mut Vec<u8>, dice: &mut Dice) {
    let (from, to) = (dice.pick(&[",", ";", "\n", "\"", ".", "0", "a"]), dice.pick(TOKENS));
    *text = String::from_utf8_lossy(text).replace(from, to).into_bytes();
}
