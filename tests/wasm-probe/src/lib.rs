//! The whole core behind one function: `cargo xtask ci` builds it for wasm and looks at what the
//! module imports, which must be nothing.

/// Answers the request that lies at an address, and says how long the answer is.
///
/// # Safety
/// `length` bytes at `request` are the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe(request: *const u8, length: usize) -> usize {
    // SAFETY: the caller says so.
    let bytes = unsafe { std::slice::from_raw_parts(request, length) };
    policy_core::wire::handle_text(&String::from_utf8_lossy(bytes)).len()
}
