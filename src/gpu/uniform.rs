//! Small structs that kernels read as uniforms, checked against the shader's own declaration.

/// One field of a uniform struct as Rust lays it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, the same on both sides.
    pub name: &'static str,
    /// Offset in bytes.
    pub offset: usize,
    /// Scalar type.
    pub scalar: super::Scalar,
}

/// A plain struct of 32-bit fields that a shader declares under the same names.
///
/// Implemented by [`uniform!`](crate::uniform); the shader's declaration is the source of truth and
/// [`PlanBuilder::dispatch`](super::PlanBuilder::dispatch) compares every field with it.
pub trait Uniform: bytemuck::Pod {
    /// Name of the struct in the shader.
    const NAME: &'static str;
    /// Fields in order.
    const FIELDS: &'static [Field];
}

/// What Rust says of a [`Uniform`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name of the struct.
    pub name: &'static str,
    /// Fields in order.
    pub fields: &'static [Field],
    /// Size.
    pub bytes: usize,
}

impl Layout {
    /// The layout of a type.
    pub fn of<U: Uniform>() -> Self {
        Self { name: U::NAME, fields: U::FIELDS, bytes: size_of::<U>() }
    }
}

/// Declares a uniform struct: `uniform! { pub struct Mine as "Params" { rows: u32, gain: f32 } }`,
/// with the name that the shader gives it.
#[macro_export]
macro_rules! uniform {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident as $shader:literal { $($(#[$field_meta:meta])* $field:ident: $scalar:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
        $visibility struct $name { $($(#[$field_meta])* pub $field: $scalar),* }

        impl $crate::gpu::Uniform for $name {
            const NAME: &'static str = $shader;
            const FIELDS: &'static [$crate::gpu::Field] = &[$($crate::gpu::Field {
                name: stringify!($field),
                offset: ::core::mem::offset_of!($name, $field),
                scalar: <$scalar as $crate::gpu::Word>::SCALAR,
            }),*];
        }
    };
}
