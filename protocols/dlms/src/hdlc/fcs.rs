//! Check sequences: CRC-16/X-25, ISO/IEC 13239 clause 4.2.5.2, sent low octet first.

/// What each value of an octet adds: the reflected polynomial 8408.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut octet: u16 = 0;
    while octet < 256 {
        let mut crc = octet;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, and never above 255")]
        {
            table[octet as usize] = crc;
        }
        octet += 1;
    }
    table
};

/// The check sequence of `octets`, which is sent low octet first.
pub fn fcs(octets: &[u8]) -> u16 {
    let crc = octets.iter().fold(u16::MAX, |crc, &octet| {
        let [low, high] = crc.to_le_bytes();
        // An octet always has its place in the table: the default is never taken.
        TABLE.get(usize::from(low ^ octet)).copied().unwrap_or_default() ^ u16::from(high)
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::fcs;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(fcs(b"123456789"), 0x906E);
    }
}
