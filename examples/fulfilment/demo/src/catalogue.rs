//! What the shop sells, and how many it has. Stock of the first eight is short on purpose.

/// A product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) sku: &'static str,
    /// Without tax.
    pub(crate) cents: i64,
    /// How often it is ordered, compared with the others.
    pub(crate) weight: u32,
    /// How many are there before the first order.
    pub(crate) stock: i32,
}

const fn product(sku: &'static str, cents: i64, weight: u32, stock: i32) -> Product {
    Product { sku, cents, weight, stock }
}

pub(crate) const CATALOGUE: &[Product] = &[
    product("mug-blue-350", 1_190, 9, 600),
    product("lamp-desk-led", 4_990, 5, 250),
    product("notebook-a5-dotted", 790, 8, 900),
    product("kettle-steel-17", 6_450, 4, 60),
    product("headphones-over-ear", 12_900, 3, 40),
    product("umbrella-compact", 2_250, 3, 5),
    product("vase-glass-tall", 3_400, 2, 0),
    product("bicycle-bell-brass", 1_650, 2, 1),
    product("mug-white-350", 990, 10, 5_000),
    product("notebook-a4-lined", 890, 8, 5_000),
    product("pen-gel-black-10", 1_290, 9, 5_000),
    product("pen-gel-blue-10", 1_290, 7, 5_000),
    product("backpack-22l-grey", 5_990, 5, 5_000),
    product("bottle-thermo-750", 2_790, 7, 5_000),
    product("cable-usb-c-1m", 1_150, 10, 5_000),
    product("charger-usb-c-65w", 3_990, 7, 5_000),
    product("keyboard-iso-de", 8_900, 4, 5_000),
    product("mouse-wireless", 3_290, 6, 5_000),
    product("mat-desk-felt", 2_990, 4, 5_000),
    product("shelf-oak-60", 4_490, 2, 5_000),
    product("candle-beeswax", 1_350, 5, 5_000),
    product("blanket-wool-130", 7_900, 3, 5_000),
    product("towel-linen-50", 1_890, 4, 5_000),
    product("teapot-cast-iron", 5_490, 3, 5_000),
];
