// What a ring is when it was misbuilt. Both are held to what a passive ring can be, so that a far draw stays
// physical; a change of 0 gives the nominal value bit for bit. Rust twin: src/reference/microring.rs

const RING_NARROWEST: f32 = 0.1;    // of the nominal width

/// Half width (nm) of a ring whose width is off by `change`, relative to nominal.
fn ring_half_width(nominal: f32, change: f32) -> f32 {
    let share = 1.0 + change;
    return nominal * select(share, RING_NARROWEST, share < RING_NARROWEST);
}

/// Contrast of a ring whose contrast is off by `change`, in 0..1.
fn ring_contrast(nominal: f32, change: f32) -> f32 {
    let contrast = nominal + change;
    let raised = select(contrast, 0.0, contrast < 0.0);
    return select(raised, 1.0, raised > 1.0);
}

/// 1 where a half width follows its change, 0 where it is held.
fn ring_width_moves(change: f32) -> f32 {
    return select(1.0, 0.0, 1.0 + change < RING_NARROWEST);
}

/// 1 where a contrast follows its change, its ends included, 0 where it is held.
fn ring_contrast_moves(nominal: f32, change: f32) -> f32 {
    let contrast = nominal + change;
    return select(1.0, 0.0, contrast < 0.0 || contrast > 1.0);
}
