//! Gives every layer its tensors.

use super::build::Named;
use super::layout::of_layer;
use super::shortcut::{Link, rooms};
use super::{Entry, Error};
use crate::gpu::{self, ALIGNMENT_WORDS, Gpu, PlanBuilder, Scalar, Slice, align};
use crate::layer::{Imperfection, Io, Layer, Parameter, Shortcut};
use crate::ops::Flat;

/// What layers have in common.
pub(super) struct Shared<'a> {
    pub(super) parameters: &'a [Entry<Parameter>],
    pub(super) imperfections: &'a [Entry<Imperfection>],
    pub(super) flat: &'a Flat,
    pub(super) chip: &'a Slice,
    pub(super) clock: &'a Slice,
    pub(super) input: &'a Slice,
    pub(super) devices: usize,
}

/// The tensors of all layers. A layer that may be built wrong is run device by device, each on its own rows; any other is
/// run once on the whole batch, so that a norm over the batch sees all of it.
#[derive(Clone)]
pub(super) struct Wiring {
    /// Of every layer, all rows of the batch.
    pub(super) whole: Vec<Io>,
    /// Of every device and layer, the rows of that device.
    pub(super) own: Vec<Vec<Io>>,
    /// Of every layer, gradients `[devices, words]` of what it shares between devices, and where their sums go.
    pub(super) sums: Vec<Vec<(Slice, Slice)>>,
    physical: Vec<bool>,
    links: Vec<Link>,
}

impl Wiring {
    /// The same layers with another flat vector of imperfections, where there is one device.
    pub(super) fn on(&self, imperfections: &[Entry<Imperfection>], chip: &Slice) -> Result<Self, Error> {
        let mut other = self.clone();
        for (place, io) in other.own.iter_mut().flatten().enumerate() {
            io.imperfections = of_layer(imperfections, place, chip)?;
        }
        Ok(other)
    }

    /// The first rows alone, of one device, under a clock of their own. What layers derive is theirs too.
    pub(super) fn part(&self, gpu: &Gpu, layers: &[Named], rows: usize, clock: &Slice) -> Result<Self, Error> {
        let part = |slice: &Slice| slice.part(slice.name(), 0, &[rows, slice.shape()[1]]);
        let ios = layers.iter().zip(&self.own[0]).map(|((name, layer), io)| {
            Ok(Io {
                derived: derived(gpu, name, layer.as_ref(), rows)?,
                clock: clock.clone(),
                input: part(&io.input)?,
                d_input: io.d_input.as_ref().map(part).transpose()?,
                output: part(&io.output)?,
                d_output: part(&io.d_output)?,
                shortcut: io.shortcut.as_ref().map(|shortcut| shortcut.part(part)).transpose()?,
                ..io.clone()
            })
        });
        let ios: Vec<_> = ios.collect::<Result<_, Error>>()?;
        Ok(Self { whole: ios.clone(), own: vec![ios], ..self.clone() })
    }

    /// Whether a layer may be built wrong.
    pub(super) fn is_physical(&self, place: usize) -> bool {
        self.physical[place]
    }

    /// What a layer of a training step is run on, one after the other.
    pub(super) fn of_layer(&self, place: usize) -> Vec<&Io> {
        if self.physical[place] { self.own.iter().map(|ios| &ios[place]).collect() } else { vec![&self.whole[place]] }
    }

    /// Where a backward pass comes to a layer: adds the gradients of the shortcuts that start behind it to that of its output.
    pub(super) fn hand_down(
        &self,
        plan: &mut PlanBuilder<'_>,
        layers: &[Named],
        place: usize,
    ) -> Result<(), gpu::Error> {
        for link in self.links.iter().rev().filter(|link| link.from == place) {
            if let Some(shortcut) = &self.whole[link.to].shortcut {
                layers[link.to].1.hand_down(plan, &shortcut.held, &self.whole[place].d_output)?;
            }
        }
        Ok(())
    }

    /// What the layers of every device, with their places, are run on where all meet the same samples. Random numbers of a
    /// sample then depend on the chip's number alone, however many are run at once. Layers before the first that may be built
    /// wrong give the same for all: they are run for the first device, and all others go on from there, by shortcuts too.
    pub(super) fn chips(&self) -> impl Iterator<Item = Vec<(usize, Io)>> {
        let last = self.whole.len().saturating_sub(1);
        let apart = self.physical.iter().position(|&physical| physical).unwrap_or(last);
        self.own.iter().enumerate().map(move |(device, ios)| {
            let own = ios.iter().enumerate().skip(if device == 0 { 0 } else { apart });
            own.map(|(place, io)| {
                let input = if place == apart { &self.own[0][place].input } else { &io.input };
                let (input, mut shortcut) = (input.clone(), io.shortcut.clone());
                let link = self.links.iter().find(|link| link.to == place && link.from < apart);
                if let (Some(shortcut), Some(link)) = (&mut shortcut, link) {
                    shortcut.source = self.own[0][link.from].output.clone();
                }
                (place, Io { draw_step: device as u32, draw_row: 0, input, shortcut, ..io.clone() })
            })
            .collect()
        })
    }
}

/// Gives every layer its tensors. Outputs are kept for the backward pass; their gradients take turns in two buffers,
/// since a backward pass never looks further back than one layer; those of shortcuts wait in rooms of their own.
pub(super) fn connect(gpu: &Gpu, layers: &[Named], links: Vec<Link>, shared: &Shared<'_>) -> Result<Wiring, Error> {
    let (batch, devices) = (shared.input.shape()[0], shared.devices);
    let width = |layer: &dyn Layer| layer.output_shape().iter().product::<usize>();
    let widths: Vec<_> = layers.iter().map(|(_, layer)| width(layer.as_ref())).collect();
    let rows = rows_of_a_device(batch, devices, widths.iter().copied().chain([shared.input.shape()[1]]))?;
    let widest = widths.iter().copied().max().unwrap_or(0);
    let turns = [
        gpu.zeros("gradients of outputs", &[batch * widest], Scalar::F32)?,
        gpu.zeros("gradients of outputs", &[batch * widest], Scalar::F32)?,
    ];
    let (room_of, words) = rooms(&links, |place| widths[place]);
    let rooms = words.iter().map(|words| gpu.zeros("gradients of shortcuts", &[batch * words], Scalar::F32));
    let rooms: Vec<_> = rooms.collect::<Result<_, _>>()?;
    let chip_words = shared.chip.len() / devices;
    let physical: Vec<_> = layers.iter().map(|(_, layer)| !layer.imperfections().is_empty()).collect();
    let mut wiring = Wiring { whole: Vec::new(), own: vec![Vec::new(); devices], sums: Vec::new(), physical, links };
    for (place, (name, layer)) in layers.iter().enumerate() {
        let shape = [batch, widths[place]];
        let derived = |batch| derived(gpu, name, layer.as_ref(), batch);
        let previous = wiring.whole.last();
        let link = wiring.links.iter().zip(&room_of).find(|(link, _)| link.to == place);
        let shortcut = link.map(|(link, room)| {
            let held = rooms[*room].part(&format!("gradient of the shortcut to {name}"), 0, &shape)?;
            Ok::<_, Error>(Shortcut { source: wiring.whole[link.from].output.clone(), held })
        });
        let whole = Io {
            parameters: of_layer(shared.parameters, place, &shared.flat.parameters)?,
            gradients: of_layer(shared.parameters, place, &shared.flat.gradient)?,
            imperfections: Vec::new(),
            d_imperfections: Vec::new(),
            derived: if wiring.physical[place] { Vec::new() } else { derived(batch)? },
            clock: shared.clock.clone(),
            draw_step: 0,
            draw_row: 0,
            input: previous.map_or_else(|| shared.input.clone(), |io| io.output.clone()),
            d_input: previous.map(|io| io.d_output.clone()),
            output: gpu.zeros(&format!("output of {name}"), &shape, Scalar::F32)?,
            d_output: turns[place % 2].part(&format!("gradient of {name}"), 0, &shape)?,
            shortcut: shortcut.transpose()?,
        };
        let mut sums = Vec::new();
        if wiring.physical[place] && devices > 1 {
            for entry in shared.parameters.iter().filter(|entry| entry.layer == place) {
                let words = align(entry.len());
                let copies = gpu.zeros("gradients of devices", &[devices, words], Scalar::F32)?;
                sums.push((entry, copies, shared.flat.gradient.part(&entry.name, entry.offset, &[words])?));
            }
            sums.sort_by_key(|(entry, ..)| entry.position);
        }
        for (device, ios) in wiring.own.iter_mut().enumerate() {
            let part = |slice: &Slice| {
                let columns = slice.shape()[1];
                slice.part(slice.name(), device * rows * columns, &[rows, columns])
            };
            let gradients = sums
                .iter()
                .map(|(entry, copies, _)| copies.part(&entry.name, device * copies.shape()[1], &entry.shape))
                .collect::<Result<Vec<_>, _>>()?;
            let chip = shared.chip.part("imperfections", device * chip_words, &[chip_words])?;
            ios.push(Io {
                gradients: if gradients.is_empty() { whole.gradients.clone() } else { gradients },
                imperfections: of_layer(shared.imperfections, place, &chip)?,
                derived: if devices == 1 && !wiring.physical[place] { whole.derived.clone() } else { derived(rows)? },
                draw_row: (device * rows) as u32,
                input: part(&whole.input)?,
                d_input: whole.d_input.as_ref().map(part).transpose()?,
                output: part(&whole.output)?,
                d_output: part(&whole.d_output)?,
                shortcut: whole.shortcut.as_ref().map(|shortcut| shortcut.part(part)).transpose()?,
                ..whole.clone()
            });
        }
        wiring.sums.push(sums.into_iter().map(|(_, copies, sum)| (copies, sum)).collect());
        wiring.whole.push(whole);
    }
    Ok(wiring)
}

/// Room for the tensors that a layer derives, for so many rows.
fn derived(gpu: &Gpu, name: &str, layer: &dyn Layer, rows: usize) -> Result<Vec<Slice>, Error> {
    let of_layer = layer.derived(rows);
    let zeros = of_layer.iter().map(|spec| gpu.zeros(&format!("{name}.{}", spec.name), &spec.shape, Scalar::F32));
    Ok(zeros.collect::<Result<_, _>>()?)
}

/// Rows of a batch that each device gets: slices of rows must start where a dispatch can bind them.
fn rows_of_a_device(batch: usize, devices: usize, mut widths: impl Iterator<Item = usize>) -> Result<usize, Error> {
    let rows = batch / devices;
    let even = batch.is_multiple_of(devices);
    if devices > 1 && !(even && widths.all(|width| (rows * width).is_multiple_of(ALIGNMENT_WORDS))) {
        return Err(Error::Fit(format!(
            "a batch of {batch} samples cannot be spread over {devices} devices; {} can",
            batch.next_multiple_of(ALIGNMENT_WORDS * devices)
        )));
    }
    Ok(rows)
}
