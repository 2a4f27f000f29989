//! How a test says that it cannot run here. The test harness shows what a test prints only when it fails, so this goes
//! past it.

macro_rules! skipped {
    ($($why:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "skipped: {}", format_args!($($why)*));
    }};
}
