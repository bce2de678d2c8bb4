//! From bytes to ordered events: sources, wire formats, dead letters, order.
