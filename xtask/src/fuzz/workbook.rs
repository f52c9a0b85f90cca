//! Small workbooks with any XML inside: a ZIP archive whose entries are stored.

use super::mutate::{Dice, TOKENS, mutate};

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
const ROOT: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
const STYLES: &str = r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// A workbook of people, damaged somewhere.
pub(crate) fn workbook(dice: &mut Dice) -> Vec<u8> {
    let mut strings: Vec<String> =
        ["Employee ID", "First Name", "Last Name", "Email", "Hire Date", "Status", "Active", "Manager ID"]
            .map(String::from)
            .to_vec();
    let mut sheet = String::from(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
    );
    let header = [0, 1, 2, 3, 4, 5, 7];
    sheet.push_str("<row r=\"1\">");
    for (column, string) in header.iter().enumerate() {
        sheet.push_str(&format!("<c r=\"{}1\" t=\"s\"><v>{string}</v></c>", letter(column)));
    }
    sheet.push_str("</row>");
    for row in 2..3 + dice.roll(12) {
        sheet.push_str(&format!("<row r=\"{row}\">"));
        for column in 0..header.len() {
            let place = format!("{}{row}", letter(column));
            let cell = match (column, dice.one_in(12)) {
                (_, true) => format!(
                    "<c r=\"{place}\" t=\"{}\"><v>{}</v></c>",
                    dice.pick(&["s", "n", "b", "e", "str", "d", "inlineStr"]),
                    escape(dice.pick(TOKENS))
                ),
                (0, _) => format!("<c r=\"{place}\"><v>{}</v></c>", 1000 + row),
                (4, _) => format!("<c r=\"{place}\" s=\"1\"><v>{}</v></c>", 40_000 + row * 37),
                (5, _) => format!("<c r=\"{place}\" t=\"s\"><v>6</v></c>"),
                (6, _) => format!("<c r=\"{place}\"><v>{}</v></c>", 1002),
                _ => {
                    strings.push(if column == 3 {
                        format!("p{row}@x.example")
                    } else {
                        format!("Name{row}")
                    });
                    format!("<c r=\"{place}\" t=\"s\"><v>{}</v></c>", strings.len() - 1)
                }
            };
            sheet.push_str(&cell);
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let shared = strings.iter().fold(
        String::from(
            r#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"#,
        ),
        |text, s| text + &format!("<si><t>{}</t></si>", escape(s)),
    ) + "</sst>";
    let mut parts: Vec<(&str, Vec<u8>)> = [
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", ROOT),
        ("xl/workbook.xml", BOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/sharedStrings.xml", &shared),
        ("xl/worksheets/sheet1.xml", &sheet),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec();
    if !dice.one_in(4) {
        let corpus: Vec<Vec<u8>> = parts.iter().map(|(_, text)| text.clone()).collect();
        let at = if dice.one_in(3) { dice.roll(parts.len()) } else { parts.len() - 1 };
        mutate(&mut parts[at].1, &corpus, dice);
    }
    let mut archive = zip(&parts);
    if dice.one_in(4) {
        let corpus = vec![archive.clone()];
        mutate(&mut archive, &corpus, dice);
    }
    archive
}

fn letter(column: usize) -> char {
    char::from(b'A' + column as u8)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\0', "")
}

fn zip(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let offset = file.len() as u32;
        let mut fixed = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fixed.extend(crc32(text).to_le_bytes());
        fixed.extend((text.len() as u32).to_le_bytes());
        fixed.extend((text.len() as u32).to_le_bytes());
        fixed.extend((name.len() as u16).to_le_bytes());
        fixed.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&fixed);
        file.extend(name.as_bytes());
        file.extend(text);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fixed);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, start) = (parts.len() as u16, file.len() as u32);
    file.extend(&directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
