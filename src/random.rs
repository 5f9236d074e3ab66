//! Counter-based random numbers on the host: the twin, bit for bit, of `shaders/shared/random.wgsl`.
//!
//! A number is a pure function of a key (seed, stream) and a counter, so nothing has to be saved to repeat it.

/// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
pub fn bits(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd1_1bda];
    let [mut x, mut y] = [counter[0].wrapping_add(key[0]), counter[1].wrapping_add(key[1])];
    for round in 0..20_u32 {
        x = x.wrapping_add(y);
        y = y.rotate_left(ROTATIONS[round as usize % 8]) ^ x;
        if round % 4 == 3 {
            let injection = round / 4 + 1;
            x = x.wrapping_add(schedule[injection as usize % 3]);
            y = y.wrapping_add(schedule[(injection as usize + 1) % 3]).wrapping_add(injection);
        }
    }
    [x, y]
}

/// Uniform in (0, 1): the middles of 2^23 equal cells.
pub fn unit(bits: u32) -> f64 {
    (f64::from(bits >> 9) + 0.5) / f64::from(1 << 23)
}

/// Evenly from 0 to below a count: bits * count / 2^32, rounded down.
pub fn below(bits: u32, count: u32) -> u32 {
    ((u64::from(bits) * u64::from(count)) >> 32) as u32
}

/// Two independent standard normal numbers (Box and Muller 1958).
pub fn normal(bits: [u32; 2]) -> [f64; 2] {
    let radius = (-2.0 * unit(bits[0]).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * unit(bits[1])).sin_cos();
    [radius * cosine, radius * sine]
}

/// Draws of a limited number, the first among them, before it falls to 0.
pub const ATTEMPTS: u32 = 16;

/// The key of a further draw in place of a rejected one; attempt 0 is the first draw, under the key itself.
pub fn again([seed, stream]: [u32; 2], attempt: u32) -> [u32; 2] {
    [seed, stream ^ mix(attempt)]
}

/// Normal numbers of a standard deviation, of a key and a step, element by element. With a `limit` they are drawn again
/// while they reach it in size: a truncated normal distribution.
pub fn normals(key: [u32; 2], step: u32, deviation: f64, limit: Option<f32>) -> impl Iterator<Item = f64> {
    let draw = move |attempt, at: u32| deviation * normal(bits(again(key, attempt), [step, at / 2]))[at as usize % 2];
    (0_u32..).map(move |at| match limit {
        None => draw(0, at),
        // Rounded to what will be stored: that must not reach the limit either.
        Some(limit) => {
            (0..ATTEMPTS).map(|attempt| draw(attempt, at)).find(|value| (*value as f32).abs() < limit).unwrap_or(0.0)
        }
    })
}

/// The share of standard normal numbers beyond a bound of 0..3 either way: 1 - erf(bound / sqrt(2)), by the series of erf.
pub fn share_beyond(bound: f64) -> f64 {
    let x = bound / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (x, x);
    for n in 1..40 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    1.0 - std::f64::consts::FRAC_2_SQRT_PI * sum
}

/// A stream's key word from its name: FNV-1a.
pub fn stream(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Uniform numbers in (0, 1) of a stream, one after another.
pub fn units(seed: u32, stream: u32) -> impl Iterator<Item = f64> {
    (0_u32..).flat_map(move |counter| bits([seed, stream], [0, counter])).map(unit)
}

/// The finaliser of MurmurHash3 (Appleby 2011).
pub fn mix(word: u32) -> u32 {
    let mut x = word;
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// Where `position` goes in a random order of `0..count`: a Feistel network on the smallest square power of
/// two that holds `count`, walked until it lands inside (Black and Rogaway 2002).
pub fn permute(position: u32, count: u32, key: u32) -> u32 {
    let half = (33 - (count.max(2) - 1).leading_zeros()) / 2;
    let mask = (1 << half) - 1;
    let mut value = position;
    loop {
        let [mut left, mut right] = [value >> half, value & mask];
        for round in 0..6 {
            [left, right] = [right, left ^ (mix(right ^ mix(key.wrapping_add(round))) & mask)];
        }
        value = left << half | right;
        if value < count {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threefry_gives_the_published_known_answers() {
        // Random123 1.14, kat_vectors, threefry2x32 20.
        assert_eq!(bits([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(bits([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(bits([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let count = 200_000;
        let draws: Vec<f64> = (0..count).flat_map(|counter| normal(bits([7, 1], [0, counter]))).collect();
        let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / draws.len() as f64;
        // Five standard errors of each moment of n = 400,000 draws.
        let error = 5.0 / (draws.len() as f64).sqrt();
        assert!(moment(1).abs() < error, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < error * 2.0_f64.sqrt(), "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < error * 96.0_f64.sqrt(), "kurtosis {}", moment(4));
    }

    #[test]
    fn limited_numbers_are_the_first_draws_that_fit() {
        let (key, limit, count) = ([7, 1], 0.5_f32, 100_000);
        let free: Vec<f64> = normals(key, 3, 0.25, None).take(count).collect();
        assert_eq!(free[..2], normal(bits(key, [3, 0])).map(|z| 0.25 * z));
        let held: Vec<f64> = normals(key, 3, 0.25, Some(limit)).take(count).collect();
        let mut rejected = 0;
        for (&free, &held) in free.iter().zip(&held) {
            assert!(held.abs() < 0.5);
            if free.abs() < 0.5 {
                assert_eq!(free, held, "a first draw that fits is kept");
            } else {
                rejected += 1;
            }
        }
        let share = f64::from(rejected) / count as f64;
        assert!((share - share_beyond(2.0)).abs() < 0.004, "{share}");
        // Between -2 and 2 deviations a normal distribution has this variance: 1 - 2 c phi(c) / (1 - share beyond c).
        let variance = held.iter().map(|value| (4.0 * value).powi(2)).sum::<f64>() / count as f64;
        assert!((variance - 0.7737).abs() < 0.01, "{variance}");
        // No draw fits: the last falls to 0.
        assert!(normals(key, 3, 1.0, Some(1e-9)).take(100).all(|value| value == 0.0));
    }

    #[test]
    fn shares_beyond_a_bound_are_those_of_the_tables() {
        for (bound, share) in [(0.0, 1.0), (1.0, 0.317_310_508), (1.959_963_985, 0.05), (3.0, 0.002_699_796)] {
            assert!((share_beyond(bound) - share).abs() < 1e-9, "{bound}");
        }
    }

    #[test]
    fn permute_is_a_permutation_of_any_count_and_differs_by_key() {
        for count in [1, 2, 3, 4, 5, 16, 17, 64, 65, 1000, 3823] {
            let order: Vec<u32> = (0..count).map(|position| permute(position, count, 42)).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..count).collect::<Vec<_>>(), "count {count}");
            if count > 16 {
                assert_ne!(order, (0..count).map(|position| permute(position, count, 43)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn permute_spreads_every_position_evenly() {
        // chi-square of where positions 0 and 7 of 13 go over 26,000 keys; 12 degrees of freedom, p = 1e-6 at 50.
        for position in [0, 7] {
            let mut counts = [0_u32; 13];
            (0..26_000).for_each(|key| counts[permute(position, 13, mix(key)) as usize] += 1);
            let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 2000.0).powi(2) / 2000.0).sum();
            assert!(chi < 50.0, "chi-square {chi}: {counts:?}");
        }
    }
}
