//! Recordings: what is written is read again byte for byte, and damage is noticed.
