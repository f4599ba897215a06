//! The page: small, paints at once, and leaves all computing to the engine.

fn main() {
    guise_web::page::run();
}
