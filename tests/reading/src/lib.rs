//! Tests of reading that need more than the core builds on; there is nothing here but tests.
