//! A compiled entry point together with what it binds.

use super::Error;
use super::shaders::{Binding, BindingKind, Shader};

/// Name and value of an `override` declaration of a shader.
pub type Constant = (&'static str, u32);

/// An entry point, compiled for the device, with its bindings as the shader declares them.
#[derive(Debug)]
pub struct Kernel {
    pub(crate) name: String,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) workgroup: u32,
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

impl Kernel {
    pub(crate) fn new(
        device: &wgpu::Device,
        shader: &Shader,
        module: &wgpu::ShaderModule,
        entry: &str,
        constants: &[Constant],
    ) -> Result<Self, Error> {
        let declared = shader.entry(entry)?;
        let name = format!("{}::{entry}", shader.path);
        let entries: Vec<_> = declared
            .bindings
            .iter()
            .map(|binding| wgpu::BindGroupLayoutEntry {
                binding: binding.index,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding.kind {
                        BindingKind::Uniform(..) => wgpu::BufferBindingType::Uniform,
                        BindingKind::Storage { writable, .. } => {
                            wgpu::BufferBindingType::Storage { read_only: !writable }
                        }
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(&name), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&name),
            layout: Some(&pipeline_layout),
            module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants.iter().map(|(name, value)| (*name, f64::from(*value))).collect::<Vec<_>>(),
                ..Default::default()
            },
            cache: None,
        });
        Ok(Self { name, bindings: declared.bindings.clone(), workgroup: declared.workgroup, pipeline, layout })
    }
}
