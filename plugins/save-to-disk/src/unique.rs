//! Names that nothing else has, from the run's own random number.

/// Random UUIDs (version 4, RFC 9562) from one seed. The bits are those of SplitMix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
pub(crate) struct Uuids {
    state: u64,
}

impl Uuids {
    /// The row of UUIDs that begins at `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next one, 8-4-4-4-12 hexadecimal digits.
    pub(crate) fn next(&mut self) -> String {
        let random = u128::from(self.bits()) << 64 | u128::from(self.bits());
        let version_4 = random & !(0xf << 76) | 0x4 << 76;
        let uuid = version_4 & !(0x3 << 62) | 0x2 << 62;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            uuid >> 96,
            uuid >> 80 & 0xffff,
            uuid >> 64 & 0xffff,
            uuid >> 48 & 0xffff,
            uuid & 0xffff_ffff_ffff
        )
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_splitmix64() {
        let mut uuids = Uuids::new(1_234_567);
        let bits = [uuids.bits(), uuids.bits(), uuids.bits()];
        assert_eq!(bits, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let mut uuids = Uuids::new(7);
        for _ in 0..64 {
            let uuid = uuids.next();
            let groups: Vec<&str> = uuid.split('-').collect();
            assert_eq!(
                groups.iter().map(|group| group.len()).collect::<Vec<_>>(),
                [8, 4, 4, 4, 12],
                "{uuid}"
            );
            assert!(groups[2].starts_with('4'), "{uuid}");
            assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_row_of_different_uuids() {
        let row = |seed| {
            let mut uuids = Uuids::new(seed);
            [uuids.next(), uuids.next()]
        };
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
        assert_ne!(row(7)[0], row(7)[1]);
    }
}
