//! Encodings of one byte a character that the web does not know: those of DOS, and EBCDIC.

/// An encoding of one byte a character.
#[derive(Debug)]
pub(crate) struct SingleByte {
    /// Its name in IANA's registry of character sets.
    pub(crate) name: &'static str,
    /// The characters of the highest bytes. Bytes below are ASCII.
    characters: &'static str,
}

impl SingleByte {
    /// The characters by byte.
    pub(crate) fn table(&self) -> Box<[char; 256]> {
        let mut table = Box::new(std::array::from_fn(|byte| u8::try_from(byte).map_or('\0', char::from)));
        for (at, character) in table.iter_mut().rev().zip(self.characters.chars().rev()) {
            *at = character;
        }
        table
    }

    /// The character of one byte. For short texts: it is looked up from the end of all characters.
    pub(crate) fn character(&self, byte: u8) -> char {
        self.characters.chars().rev().nth(usize::from(u8::MAX - byte)).unwrap_or(char::from(byte))
    }
}

/// Code page 437, of the first PCs.
pub(crate) static CP437: SingleByte = SingleByte {
    name: "IBM437",
    characters: "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
};

/// Code page 850, of Western Europe.
pub(crate) static CP850: SingleByte = SingleByte {
    name: "IBM850",
    characters: "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
};

/// Code page 852, of Central Europe.
pub(crate) static CP852: SingleByte = SingleByte {
    name: "IBM852",
    characters: "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
        └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}",
};

/// EBCDIC of the United States (code page 37). The line ends of IBM's systems (U+0085) are line feeds here.
pub(crate) static EBCDIC: SingleByte = SingleByte {
    name: "IBM037",
    characters: "\0\u{1}\u{2}\u{3}\u{9c}\t\u{86}\u{7f}\u{97}\u{8d}\u{8e}\u{b}\u{c}\r\u{e}\u{f}\
        \u{10}\u{11}\u{12}\u{13}\u{9d}\n\u{8}\u{87}\u{18}\u{19}\u{92}\u{8f}\u{1c}\u{1d}\u{1e}\u{1f}\
        \u{80}\u{81}\u{82}\u{83}\u{84}\n\u{17}\u{1b}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{5}\u{6}\u{7}\
        \u{90}\u{91}\u{16}\u{93}\u{94}\u{95}\u{96}\u{4}\u{98}\u{99}\u{9a}\u{9b}\u{14}\u{15}\u{9e}\u{1a}\
        \u{20}\u{a0}âäàáãåçñ¢.<(+|&éêëèíîïìß!$*);¬-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"\
        Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µ~stuvwxyz¡¿ÐÝÞ®^£¥·©§¶¼½¾[]¯¨´×\
        {ABCDEFGHI\u{ad}ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ\u{9f}",
};

#[cfg(test)]
mod tests {
    use super::{CP437, CP850, CP852, EBCDIC, SingleByte};

    #[test]
    fn every_byte_has_a_character() {
        let rows: &[(&SingleByte, usize, &[u8], &str)] = &[
            (&CP437, 128, b"Gr\x94\xe1e \xc9\xcd\xbb", "Größe ╔═╗"),
            (&CP850, 128, b"\xb5 la fran\x87aise", "Á la française"),
            (&CP852, 128, b"\xbe\xa2\x88ty", "żółty"),
            (&EBCDIC, 256, b"\xc8\x85\x93\x93\x96\x40\xf1\x25", "Hello 1\n"),
        ];
        for (encoding, count, bytes, text) in rows {
            assert_eq!(encoding.characters.chars().count(), *count, "{}", encoding.name);
            let table = encoding.table();
            assert_eq!(bytes.iter().map(|byte| table[usize::from(*byte)]).collect::<String>(), *text);
            for byte in 0..=u8::MAX {
                assert_eq!(encoding.character(byte), table[usize::from(byte)], "{} {byte}", encoding.name);
            }
        }
    }
}
