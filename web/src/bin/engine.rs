//! The engine: a dedicated worker that fetches the model, holds the tensors and draws.

fn main() {
    guise_web::engine::run();
}
