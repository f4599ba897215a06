//! The choice of instruction set.

use std::sync::atomic::{AtomicU8, Ordering};

/// The instruction sets that a kernel can be run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, on any processor.
    Plain,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 128 bits of WebAssembly, with relaxed multiply-add.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// 128 bits of 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// The geometry of AVX-512 in plain Rust: 16 lanes, 32 registers. It computes in tests only, on every
    /// machine.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Soft16,
    /// The geometry of AVX2: 8 lanes, 16 registers.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Soft8,
    /// The geometry of NEON: 4 lanes, 32 registers.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Soft4,
    /// A set whose kernels compute wrongly, for tests of what becomes of that.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Broken,
}

/// An instruction set that this processor cannot be told to use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownIsa {
    /// No program of ours has a set of this name.
    #[error("there is no instruction set {0:?}: expected one of plain, avx2, avx512, neon")]
    Name(String),
    /// Another processor may have it.
    #[error("this processor has no {name}: it has {available}")]
    Missing {
        /// What was asked for.
        name: String,
        /// What there is, the best first.
        available: String,
    },
}

impl Isa {
    /// All that this processor has, the best first.
    #[allow(
        clippy::vec_init_then_push,
        reason = "what is pushed depends on the target and the processor"
    )]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(all(test, not(target_arch = "wasm32")))]
        if BROKEN.load(Ordering::Relaxed) {
            found.push(Self::Broken);
        }
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        found.push(Self::Simd128);
        #[cfg(target_arch = "aarch64")]
        found.push(Self::Neon);
        found.push(Self::Plain);
        found
    }

    /// Gives this process a processor whose best instruction set is broken.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub(crate) fn break_the_best() {
        BROKEN.store(true, Ordering::Relaxed);
    }

    /// All that tests run: what the processor has, and the geometries of those that it may lack.
    #[cfg(test)]
    pub(crate) fn tested() -> Vec<Self> {
        let mut all = Self::available();
        #[cfg(not(target_arch = "wasm32"))]
        all.extend([Self::Soft16, Self::Soft8, Self::Soft4]);
        all
    }

    /// Its name in `GUISE_ISA` and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => "simd128",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(all(test, not(target_arch = "wasm32")))]
            Self::Soft16 => "soft16",
            #[cfg(all(test, not(target_arch = "wasm32")))]
            Self::Soft8 => "soft8",
            #[cfg(all(test, not(target_arch = "wasm32")))]
            Self::Soft4 => "soft4",
            #[cfg(all(test, not(target_arch = "wasm32")))]
            Self::Broken => "broken",
        }
    }

    /// The set of this name, if the processor has it.
    ///
    /// # Errors
    ///
    /// [`UnknownIsa`] that says what there is instead.
    pub fn from_name(name: &str) -> Result<Self, UnknownIsa> {
        let available = Self::available();
        if let Some(isa) = available.iter().find(|isa| isa.name() == name) {
            return Ok(*isa);
        }
        if !["plain", "avx2", "avx512", "neon"].contains(&name) {
            return Err(UnknownIsa::Name(name.into()));
        }
        let names: Vec<_> = available.iter().map(|isa| isa.name()).collect();
        Err(UnknownIsa::Missing {
            name: name.into(),
            available: names.join(", "),
        })
    }

    /// What kernels run with: the best that there is, until another one is [chosen](Self::choose).
    pub fn current() -> Self {
        match CHOSEN.load(Ordering::Relaxed) {
            0 => {
                let best = Self::available()[0];
                best.choose();
                best
            }
            number => ALL[usize::from(number) - 1],
        }
    }

    /// Has all kernels run with this set from now on, on every thread. What is being computed ends with the
    /// one that it began with.
    pub fn choose(self) {
        assert!(
            Self::available().contains(&self),
            "this processor has no {}",
            self.name()
        );
        let position = ALL.iter().position(|isa| *isa == self);
        CHOSEN.store(
            position.map_or(0, |position| position as u8 + 1),
            Ordering::Relaxed,
        );
    }

    /// The next best set of this processor; there is none after plain Rust.
    pub fn next_best(self) -> Option<Self> {
        Self::available()
            .into_iter()
            .skip_while(|isa| *isa != self)
            .nth(1)
    }
}

/// What a processor may have.
const ALL: &[Isa] = &[
    Isa::Plain,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx2,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx512,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Isa::Simd128,
    #[cfg(target_arch = "aarch64")]
    Isa::Neon,
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Isa::Broken,
];

/// Whether this process has a processor whose best instruction set is broken. Tests that set it run in a
/// process of their own.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) static BROKEN: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

/// One more than the position of the chosen set in [`ALL`]; zero until one is chosen.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// Calls `$kernel::<S>($args)` compiled for the instruction set `$isa`.
macro_rules! dispatch {
    ($isa:expr, fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $module:ident :: $kernel:ident) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the caller's promise, with the instruction set now enabled.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Avx2>($($arg),*) }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        #[target_feature(enable = "relaxed-simd")]
        unsafe fn simd128($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above; a browser that runs the program has it, or got the build without.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Simd128>($($arg),*) }
        }
        #[cfg(target_arch = "aarch64")]
        unsafe fn neon($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above; the whole program is compiled for it.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Neon>($($arg),*) }
        }
        unsafe fn plain($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Plain>($($arg),*) }
        }
        #[cfg(all(test, not(target_arch = "wasm32")))]
        unsafe fn soft<const LANES: usize, const REGISTERS: usize>($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above; plain Rust runs anywhere.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Soft<LANES, REGISTERS>>($($arg),*) }
        }
        #[cfg(all(test, not(target_arch = "wasm32")))]
        unsafe fn broken($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Soft<8, 16, 15>>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::ops::cpu::Isa::Avx512 => avx512 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(target_arch = "x86_64")]
            $crate::ops::cpu::Isa::Avx2 => avx2 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::ops::cpu::Isa::Simd128 => simd128 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(target_arch = "aarch64")]
            $crate::ops::cpu::Isa::Neon => neon as unsafe fn($($ty),*) $(-> $ret)?,
            $crate::ops::cpu::Isa::Plain => plain as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(test, not(target_arch = "wasm32")))]
            $crate::ops::cpu::Isa::Soft16 => soft::<16, 32> as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(test, not(target_arch = "wasm32")))]
            $crate::ops::cpu::Isa::Soft8 => soft::<8, 16> as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(test, not(target_arch = "wasm32")))]
            $crate::ops::cpu::Isa::Soft4 => soft::<4, 32> as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(test, not(target_arch = "wasm32")))]
            $crate::ops::cpu::Isa::Broken => broken as unsafe fn($($ty),*) $(-> $ret)?,
        }
    }};
}

pub(crate) use dispatch;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use std::io::Write;

    /// Written past the capture of a test's output, so that every run says what it has and has not seen.
    #[test]
    fn the_output_says_which_sets_ran() {
        let names = |sets: &[Isa]| sets.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
        let (real, all) = (Isa::available(), Isa::tested());
        let line = format!(
            "instruction sets of this processor that the kernels ran on: {}; their geometries in software: {}\n",
            names(&real),
            names(&all[real.len()..])
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert_eq!(real.last(), Some(&Isa::Plain));
    }

    #[test]
    fn a_set_is_chosen_by_its_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::from_name(isa.name()), Ok(isa));
        }
        assert_eq!(Isa::from_name("sse9"), Err(UnknownIsa::Name("sse9".into())));
        let foreign = if cfg!(target_arch = "aarch64") {
            "avx2"
        } else {
            "neon"
        };
        let message = Isa::from_name(foreign).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("this processor has no {foreign}: it has ")),
            "{message}"
        );
        assert!(message.ends_with("plain"), "{message}");
    }

    #[test]
    fn the_last_resort_is_plain_rust() {
        let mut isa = Isa::available()[0];
        while let Some(next) = isa.next_best() {
            isa = next;
        }
        assert_eq!(isa, Isa::Plain);
    }
}
