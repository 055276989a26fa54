//! The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998).

const LENGTH: usize = 624;
const SHIFT: usize = 397;

/// Generator of 32-bit words.
pub(super) struct Mersenne {
    state: [u32; LENGTH],
    next: usize,
}

impl Mersenne {
    /// The generator that a 32-bit seed begins.
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; LENGTH];
        let mut before = seed;
        for (i, word) in (1u32..).zip(state.iter_mut().skip(1)) {
            before = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i);
            *word = before;
        }
        Self { state, next: LENGTH }
    }

    /// The next word.
    pub(super) fn word(&mut self) -> u32 {
        if self.next >= LENGTH {
            self.refill();
            self.next = 0;
        }
        let mut y = self.state.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    #[allow(clippy::indexing_slicing, reason = "all indices are taken modulo the length of the array")]
    fn refill(&mut self) {
        for i in 0..LENGTH {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % LENGTH] & 0x7fff_ffff);
            let twist = if joined & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[i] = self.state[(i + SHIFT) % LENGTH] ^ (joined >> 1) ^ twist;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_published_sequence() {
        let mut generator = Mersenne::new(5489);
        assert_eq!(generator.word(), 3_499_211_612);
        for _ in 0..9998 {
            generator.word();
        }
        // The C++ standard fixes the ten-thousandth word of the default seed.
        assert_eq!(generator.word(), 4_123_659_995);
    }
}
