//! What the fuzz targets share, and it is what `tests/hostile` uses: there the choices come from seeds and the test runs
//! everywhere, here they come from libFuzzer, which looks for choices that reach new code.

#[path = "../../tests/hostile/chance.rs"]
pub mod chance;
#[path = "../../tests/hostile/drive.rs"]
pub mod drive;
#[path = "../../tests/hostile/mutate.rs"]
pub mod mutate;
#[path = "../../tests/hostile/page.rs"]
pub mod page;
#[path = "../../tests/hostile/scene.rs"]
pub mod scene;
#[path = "../../tests/hostile/story.rs"]
pub mod story;
