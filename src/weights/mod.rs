//! The published bundle: GGUF in and out, manifest, name and shape checks, quantization.
