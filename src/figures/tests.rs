//! Each figure is read back the way a viewer would read it.

use resvg::usvg;

use super::scale::{Scale, shortest};
use super::*;

/// Accuracies without a line for guesses.
const PLAIN: Score = Score::Accuracy { chance: None };

fn curve(name: &str, mean: &[f64]) -> Curve {
    Curve {
        name: name.to_owned(),
        x: (0..mean.len()).map(|i| i as f64).collect(),
        mean: mean.to_vec(),
        spread: Some(vec![2.0; mean.len()]),
        worst: None,
    }
}

fn run(name: &str, loss: &[f64]) -> TrainingCurve {
    let accuracy: Vec<f64> = loss.iter().map(|loss| 100.0 - 20.0 * loss).collect();
    TrainingCurve {
        name: name.to_owned(),
        epoch: (1..=loss.len()).map(|i| i as f64).collect(),
        train_loss: loss.to_vec(),
        test_loss: loss.to_vec(),
        train_score: accuracy.clone(),
        test_score: accuracy,
    }
}

fn rings(name: &str, values: &[f64]) -> LayerValues {
    LayerValues { name: name.to_owned(), values: values.to_vec() }
}

fn confusion(title: &str, classes: usize, counts: &[u64]) -> Confusion {
    Confusion { title: title.to_owned(), classes, counts: counts.to_vec() }
}

fn lorentzian(x: f64) -> f64 {
    1.0 - 2.0 / (1.0 + (x / 0.15).powi(2))
}

/// Every text of the figure, after XML decoding.
fn texts(figure: &Figure) -> Vec<String> {
    usvg::roxmltree::Document::parse(figure.svg())
        .unwrap()
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| node.text().unwrap_or_default().to_owned())
        .collect()
}

fn count(figure: &Figure, pattern: &str) -> usize {
    figure.svg().matches(pattern).count()
}

/// The figure is a sound SVG: no number gone wrong, no text beyond its edges.
fn check(figure: &Figure) -> usvg::Size {
    assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"));
    let tree = usvg::Tree::from_str(figure.svg(), &text::options()).unwrap();
    let size = tree.size();
    assert_texts_inside(tree.root(), size.width(), size.height());
    size
}

/// The PNG has twice the size of the SVG and shows each of the colours.
fn check_png(figure: &Figure, colours: &[[u8; 3]]) {
    let size = check(figure);
    let png = image::load_from_memory(&figure.png().unwrap()).unwrap();
    assert_eq!(png.width(), 2 * size.width() as u32);
    assert_eq!(png.height(), 2 * size.height() as u32);
    let png = png.to_rgb8();
    for colour in colours {
        assert!(png.pixels().any(|pixel| pixel.0 == *colour), "{colour:?}");
    }
}

fn assert_texts_inside(group: &usvg::Group, width: f32, height: f32) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => assert_texts_inside(group, width, height),
            usvg::Node::Text(text) => {
                let bounds = text.abs_bounding_box();
                assert!(bounds.left() >= 0.0 && bounds.right() <= width, "{bounds:?}");
                assert!(bounds.top() >= 0.0 && bounds.bottom() <= height, "{bounds:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn one_to_seven_curves_each_have_a_line_a_band_and_a_key() {
    for n in 1..=7 {
        let curves: Vec<_> = (0..n).map(|i| curve(&format!("series {i}"), &[10.0 + i as f64, 50.0, 90.0])).collect();
        let figure = score_curves("title", "shift (K)", &curves, Score::Accuracy { chance: Some(10.0) }).unwrap();
        check(&figure);
        // A line and a key of each curve and of the guess.
        assert_eq!(count(&figure, "<polyline"), 2 * (n + 1));
        assert_eq!(count(&figure, "class=\"band\""), n);
        assert_eq!(count(&figure, "class=\"marker\""), n * (3 + 1));
        let texts = texts(&figure);
        for curve in &curves {
            assert!(texts.contains(&curve.name));
        }
        for label in ["title", "shift (K)", "accuracy (%)", "chance (10%)"] {
            assert!(texts.iter().any(|text| text == label), "{label}");
        }
    }
}

#[test]
fn pngs_show_every_series() {
    let (blue, vermilion, bars) = ([0, 0x72, 0xb2], [0xd5, 0x5e, 0], [0x8a, 0x99, 0xa8]);
    let white = [255; 3];
    let curves = [curve("a", &[10.0, 90.0]), curve("b", &[80.0, 20.0])];
    let figure = score_curves("", "x", &curves, PLAIN).unwrap();
    check_png(&figure, &[white, blue, vermilion]);
    let runs = [run("a", &[2.0, 1.0]), run("b", &[1.0, 0.1])];
    let figure = training_curves("", &runs, PLAIN).unwrap();
    check_png(&figure, &[white, blue, vermilion]);
    let layers = [rings("a", &[0.1]), rings("b", &[0.3])];
    let figure = ring_operating_points("", &layers, &lorentzian, 0.15).unwrap();
    check_png(&figure, &[white, blue, vermilion]);
    check_png(&histograms("", "ring", "weight", &layers).unwrap(), &[white, bars]);
    check_png(&confusion_matrices("", &[confusion("", 2, &[3, 0, 0, 1])]).unwrap(), &[white, blue]);
}

#[test]
fn series_keep_their_colours_and_differ_in_greyscale() {
    let curves = [curve("a", &[1.0, 2.0]), curve("b", &[3.0, 4.0])];
    let figure = score_curves("", "x", &curves, PLAIN).unwrap();
    let one = score_curves("", "x", &curves[..1], PLAIN).unwrap();
    assert!(one.svg().contains("#0072b2") && !one.svg().contains("#d55e00"));
    assert!(figure.svg().contains("#0072b2") && figure.svg().contains("#d55e00"));
    assert!(!one.svg().contains("stroke-dasharray"));
    assert!(figure.svg().contains("stroke-dasharray"));
}

#[test]
fn the_worst_chip_is_a_line_of_its_own_and_has_one_key() {
    let known = |name: &str| Curve { worst: Some(vec![5.0, 6.0, 7.0]), ..curve(name, &[10.0, 20.0, 30.0]) };
    let plain = score_curves("", "x", &[curve("a", &[1.0; 3]), curve("b", &[2.0; 3])], PLAIN).unwrap();
    let figure = score_curves("", "x", &[known("a"), known("b")], PLAIN).unwrap();
    check(&figure);
    assert_eq!(count(&figure, "<polyline"), count(&plain, "<polyline") + 2 + 1);
    assert_eq!(texts(&figure).iter().filter(|text| *text == "worst chip").count(), 1);
    assert_eq!(count(&figure, "class=\"marker\""), count(&plain, "class=\"marker\""));
    let mut short = known("short");
    short.worst = Some(vec![1.0]);
    assert!(matches!(score_curves("", "x", &[short], PLAIN), Err(Error::Length { list: "worst", .. })));
}

fn map(name: &str, columns: usize, rows: usize, accuracy: impl Fn(f64, f64) -> f64) -> Map {
    let [x, y] = [columns, rows].map(|count| (0..count).map(|i| 0.05 * i as f64).collect::<Vec<_>>());
    let score = y.iter().flat_map(|y| x.iter().map(|x| accuracy(*x, *y))).collect();
    Map { name: name.to_owned(), x, y, score }
}

#[test]
fn a_map_has_a_cell_a_point_and_its_number_where_there_is_room() {
    let figure =
        score_maps("title", ["x (rad)", "y"], &[map("", 3, 2, |x, y| 95.04 - 100.0 * (x + y))], PLAIN).unwrap();
    check(&figure);
    assert_eq!(count(&figure, "class=\"cell\""), 6);
    let found = texts(&figure);
    for label in ["title", "x (rad)", "y", "accuracy (%)", "95.0", "90.0", "80.0", "0.05", "100"] {
        assert!(found.iter().any(|text| text == label), "{label}");
    }
    // The first row is the lowest, and the first column the one on the left.
    let document = usvg::roxmltree::Document::parse(figure.svg()).unwrap();
    let place = |word: &str| -> [f64; 2] {
        let node = document.descendants().find(|node| node.has_tag_name("text") && node.text() == Some(word)).unwrap();
        ["x", "y"].map(|axis| node.attribute(axis).unwrap().parse().unwrap())
    };
    let (first, last) = (place("95.0"), place("80.0"));
    assert!(first[0] < last[0] && first[1] > last[1], "{first:?} {last:?}");
    // The ends of the range are the ends of the colours.
    let ends = score_maps("", ["", ""], &[map("", 2, 1, |x, _| if x > 0.0 { 100.0 } else { 50.0 })], PLAIN).unwrap();
    check_png(&ends, &[[0x44, 0x01, 0x54], [0xfd, 0xe7, 0x25]]);

    // One more column than twelve: no numbers. A missing accuracy: no cell.
    let wide =
        score_maps("", ["x", "y"], &[map("", 13, 4, |x, _| if x == 0.0 { f64::NAN } else { 91.3 })], PLAIN).unwrap();
    check(&wide);
    assert_eq!(count(&wide, "class=\"cell\""), 12 * 4);
    assert!(!texts(&wide).iter().any(|text| text == "91.3"));
    for (maps, columns, rows) in [(1, 1, 1), (2, 12, 12), (3, 5, 1), (4, 1, 30), (5, 41, 41), (7, 3, 9)] {
        let all: Vec<_> =
            (0..maps).map(|i| map(&format!("sharpness-aware {i}"), columns, rows, |x, y| 60.0 * x - y)).collect();
        check(
            &score_maps("", ["standard deviation of ring offset (nm)", "change of temperature (K)"], &all, PLAIN)
                .unwrap(),
        );
    }
    check(&score_maps("", ["x", "y"], &[map("", 3, 3, |_, _| f64::NAN)], PLAIN).unwrap());
    assert!(matches!(score_maps("", ["", ""], &[], PLAIN), Err(Error::Empty("maps"))));
    assert!(matches!(score_maps("", ["", ""], &[map("", 0, 3, |_, _| 0.0)], PLAIN), Err(Error::Empty("columns"))));
    let mut odd = map("odd", 2, 2, |_, _| 1.0);
    odd.score.pop();
    let error = score_maps("", ["", ""], &[odd], PLAIN).unwrap_err();
    assert_eq!(error.to_string(), "`odd`: 3 values of score for 4 points");
}

#[test]
fn methods_stand_side_by_side_as_bars_with_whiskers() {
    let bar = |name: &str, mean: f64, spread: Option<f64>, worst: Option<f64>| Bar {
        name: name.to_owned(),
        mean,
        spread,
        worst,
    };
    let three = [
        bar("standard", 80.0, Some(5.0), Some(61.0)),
        bar("noise", 40.0, Some(0.0), None),
        bar("sat", 90.04, None, None),
    ];
    let figure = score_bars("title", "3 seeds", &three, Score::Accuracy { chance: Some(10.0) }).unwrap();
    check_png(&figure, &[[0, 0x72, 0xb2], [0xd5, 0x5e, 0], [0, 0x9e, 0x73]]);
    let heights = bars(&figure);
    assert_eq!(heights.len(), 3);
    assert!((heights[0] / heights[1] - 2.0).abs() < 0.01, "{heights:?}");
    let found = texts(&figure);
    for label in [
        "standard",
        "noise",
        "sat",
        "80.0",
        "40.0",
        "90.0",
        "± 1 standard deviation over 3 seeds",
        "worst chip",
        "chance (10%)",
    ] {
        assert!(found.iter().any(|text| text == label), "{label}");
    }
    // One worst chip, and its key.
    assert_eq!(count(&figure, "class=\"marker\""), 2);
    for n in 1..=9 {
        let all: Vec<_> =
            (0..n).map(|i| bar(&format!("sharpness-aware {i}"), 100.0, Some(30.0), Some(f64::NAN))).collect();
        check(
            &score_bars(
                "a long title that goes on ".repeat(5).as_str(),
                "",
                &all,
                Score::Accuracy { chance: Some(f64::NAN) },
            )
            .unwrap(),
        );
    }
    check(&score_bars("", "", &[bar("missing", f64::NAN, Some(f64::INFINITY), None)], PLAIN).unwrap());
    assert!(matches!(score_bars("", "", &[], PLAIN), Err(Error::Empty(_))));
}

fn transfer(name: &str, own: Option<f64>, fresh: &[f64]) -> Transfer {
    let mean = fresh.iter().sum::<f64>() / fresh.len() as f64;
    Transfer { name: name.to_owned(), own, fresh: fresh.to_vec(), mean, spread: 1.25, samples: 1000 }
}

#[test]
fn chips_that_a_network_was_not_trained_on_are_counted_beside_its_own() {
    let fresh: Vec<_> = (0..100).map(|chip| 80.0 + 0.1 * f64::from(chip * chip % 97)).collect();
    let figure =
        transfer_histograms("title", &[transfer("", Some(93.25), &fresh)], Score::Accuracy { chance: Some(10.0) })
            .unwrap();
    check_png(&figure, &[[0x00, 0x72, 0xb2]]);
    let words = texts(&figure);
    let heading = "own chip 93.2%, fresh chips 84.7 ± 1.2%, worst 80.0%";
    for word in [heading, "fresh chips", "their mean", "own chip, on which it was trained", "chips", "accuracy (%)"] {
        assert!(words.iter().any(|own| own == word), "`{word}` is not in {words:?}");
    }
    assert!(!words.iter().any(|word| word.contains("chance")), "it is out of sight");

    // A bin is some whole samples of 0.1 % wide: of 3, all but the ends hold as many of evenly spread scores.
    let even: Vec<_> = (0..97).map(|score| 80.0 + 0.1 * f64::from(score)).collect();
    let figure = transfer_histograms("title", &[transfer("", None, &even)], PLAIN).unwrap();
    let heights = bars(&figure);
    assert!((33..=34).contains(&heights.len()) && heights[1..heights.len() - 1].iter().all(|own| own == &heights[1]));
    assert!(!texts(&figure).iter().any(|word| word.contains("own chip")));

    // Several share their axes; chance shows where it is in sight.
    let several = [transfer("pat", Some(99.0), &fresh), transfer("sat", None, &[9.0, 12.0, 12.0, 50.0])];
    let figure = transfer_histograms("title", &several, Score::Accuracy { chance: Some(10.0) }).unwrap();
    check_png(&figure, &[[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00]]);
    let words = texts(&figure);
    for part in ["pat: own chip 99.0%, ", "sat: fresh chips 20.8", "chance (10%)"] {
        assert!(words.iter().any(|word| word.contains(part)), "`{part}` is not in {words:?}");
    }
    check(
        &transfer_histograms("", &vec![transfer("a name ".repeat(9).trim(), Some(0.0), &[100.0]); 7], PLAIN).unwrap(),
    );
    check(
        &transfer_histograms("", &[transfer("alike", None, &[50.0; 3])], Score::Accuracy { chance: Some(f64::NAN) })
            .unwrap(),
    );
    check(&transfer_histograms("", &[Transfer { samples: 0, ..transfer("", Some(1.0), &[2.0]) }], PLAIN).unwrap());
    for wrong in [vec![], vec![transfer("", Some(1.0), &[])], vec![transfer("", None, &[f64::NAN, 1.0])]] {
        assert!(matches!(transfer_histograms("", &wrong, PLAIN), Err(Error::Empty(_))));
    }
}

#[test]
fn a_missing_point_leaves_a_gap() {
    let whole = curve("a", &[10.0, 20.0, 30.0, 40.0, 50.0]);
    let mut broken = whole.clone();
    broken.mean[2] = f64::NAN;
    let whole = score_curves("", "x", &[whole], PLAIN).unwrap();
    let broken = score_curves("", "x", &[broken], PLAIN).unwrap();
    check(&broken);
    assert_eq!(count(&broken, "<polyline"), count(&whole, "<polyline") + 1);
    assert_eq!(count(&broken, "\"band\""), count(&whole, "\"band\"") + 1);
    assert_eq!(count(&broken, "\"marker\"") + 1, count(&whole, "\"marker\""));
}

#[test]
fn a_point_between_gaps_is_still_seen() {
    let lone = curve("a", &[10.0, f64::NAN, 30.0, f64::INFINITY, 50.0]);
    let figure = score_curves("", "x", &[lone], PLAIN).unwrap();
    check(&figure);
    assert_eq!(count(&figure, "\"marker\""), 3 + 1);
    assert_eq!(count(&figure, "\"band\""), 0);
}

#[test]
fn awkward_curves_render() {
    let mut flat = curve("flat", &[50.0; 4]);
    flat.spread = Some(vec![0.0; 4]);
    let mut same_x = curve("same x", &[1.0, 99.0]);
    same_x.x = vec![300.0, 300.0];
    let outside = curve("outside", &[-20.0, 130.0, 100.0, 0.0]);
    let nothing = curve("nothing", &[]);
    let missing = curve("missing", &[f64::NAN; 3]);
    let mut tiny = curve("tiny", &[10.0, 20.0]);
    tiny.x = vec![-3e-7, 4e-7];
    let mut huge = curve("huge", &[10.0, 20.0]);
    huge.x = vec![-1e12, 4e12];
    for curve in [flat, same_x, outside, nothing, missing, tiny, huge] {
        let figure = score_curves("", "x (nm)", &[curve], Score::Accuracy { chance: Some(f64::NAN) }).unwrap();
        check(&figure);
    }
}

#[test]
fn names_are_escaped_and_long_names_wrapped() {
    let word = "x".repeat(200);
    let names = ["a<b> & \"c\" 'd'", "control \u{1} \u{fffe} λ", &word];
    let long = "a long name that goes on ".repeat(12);
    let curves: Vec<_> = names.iter().chain([&long.as_str()]).map(|name| curve(name, &[1.0, 2.0])).collect();
    let figure = score_curves(&long, &long, &curves, PLAIN).unwrap();
    check(&figure);
    let texts = texts(&figure);
    assert!(texts.iter().any(|text| text == names[0]));
    assert!(texts.iter().any(|text| text.contains("λ")));
    // Nothing of a wrapped name is lost.
    let crosses: usize = texts.iter().map(|text| text.matches('x').count()).sum();
    assert_eq!(crosses, 200);
}

#[test]
fn training_curves_draw_four_lines_a_run() {
    let runs = [run("a", &[2.0, 1.0, 0.5, 0.2]), run("b", &[1.5, 0.9, 0.4, 0.1])];
    let figure = training_curves("training", &runs, PLAIN).unwrap();
    check(&figure);
    // One key a run, and one each for test and training.
    assert_eq!(count(&figure, "<polyline"), 4 * 2 + 2 + 2);
    let texts = texts(&figure);
    for label in ["loss", "accuracy (%)", "test", "training", "0.5"] {
        assert!(texts.iter().any(|text| text == label), "{label}");
    }
    assert_eq!(texts.iter().filter(|text| *text == "epoch").count(), 2);
}

#[test]
fn awkward_training_curves_render() {
    let losses: [&[f64]; 6] =
        [&[2.3], &[], &[0.0, -1.0], &[1.0, 1.0, 1.0], &[1e-12, 1e3, f64::NAN, 4.0], &[f64::INFINITY, 0.5]];
    for loss in losses {
        let figure = training_curves("", &[run("a", loss)], PLAIN).unwrap();
        check(&figure);
    }
    let all: Vec<_> = losses.iter().map(|loss| run("a", loss)).collect();
    check(&training_curves("", &all, PLAIN).unwrap());
}

/// Heights of the bars of a figure.
fn bars(figure: &Figure) -> Vec<f64> {
    let document = usvg::roxmltree::Document::parse(figure.svg()).unwrap();
    let nodes = document.descendants().filter(|node| node.attribute("class") == Some("bar"));
    nodes.map(|bar| bar.attribute("height").unwrap().parse().unwrap()).collect()
}

#[test]
fn histograms_count_every_finite_ring() {
    let layer = rings("layer 1", &[0.101, 0.102, 0.103, 0.301, f64::NAN]);
    let points = ring_operating_points("rings", std::slice::from_ref(&layer), &lorentzian, 0.15).unwrap();
    let histogram = histograms("rings", "ring", "detuning (nm)", &[layer]).unwrap();
    for figure in [&points, &histogram] {
        check(figure);
        // Three of four rings in one bin, one in the other.
        let heights = bars(figure);
        assert_eq!(heights.len(), 2);
        assert!((heights[0] / heights[1] - 3.0).abs() < 0.01, "{heights:?}");
        assert!(texts(figure).iter().any(|text| text == "detuning (nm)"));
    }
    let texts = texts(&points);
    for label in ["layer 1", "layer 1: 5 rings", "transmission, weight", "drop port", "± half-width (0.15 nm)"] {
        assert!(texts.iter().any(|text| text == label), "{label}");
    }
}

#[test]
fn markers_stand_at_quantiles_on_the_weight() {
    let values: Vec<f64> = (0..=10).map(|i| 0.1 * f64::from(i)).collect();
    let figure = ring_operating_points("", &[rings("a", &values)], &|_| 0.0, 0.15).unwrap();
    let document = usvg::roxmltree::Document::parse(figure.svg()).unwrap();
    let at = |name: &str| -> Vec<f64> {
        let nodes = document.descendants().filter(|node| node.attribute("class") == Some("marker"));
        nodes.map(|marker| marker.attribute(name).unwrap().parse().unwrap()).collect()
    };
    // The first two belong to the legend.
    let (x, y) = (at("cx"), at("cy"));
    assert_eq!(x.len(), 5);
    let [low, high, median] = [x[2], x[3], x[4]];
    assert!(low < median && (median - 0.5 * (low + high)).abs() < 0.02, "{x:?}");
    assert!(y[2..].iter().all(|y| (y - y_of_weight_zero(&figure)).abs() < 0.02), "{y:?}");
}

/// Where the tick of 0 stands on the axis of the weight.
fn y_of_weight_zero(figure: &Figure) -> f64 {
    let document = usvg::roxmltree::Document::parse(figure.svg()).unwrap();
    let mut ticks = document.descendants().filter(|node| node.has_tag_name("text") && node.text() == Some("0.0"));
    // Labels stand a little below their ticks.
    ticks.next().unwrap().attribute("y").unwrap().parse::<f64>().unwrap() - 4.7
}

#[test]
fn one_to_seven_ring_layers_render() {
    let kinds: [&[f64]; 4] = [&[], &[0.2; 9], &[-0.4, -0.3, 0.5], &[f64::NAN]];
    for n in 1..=7 {
        let layers: Vec<_> =
            (0..n).map(|i| rings(&format!("layer {i} of many, sharpness-aware"), kinds[i % 4])).collect();
        check(&ring_operating_points("", &layers, &lorentzian, 0.15).unwrap());
        check(&histograms("", "phase", "theta (rad)", &layers).unwrap());
    }
    let undefined = |_| f64::NAN;
    check(&ring_operating_points("", &[rings("", &[0.1])], &undefined, 0.15).unwrap());
}

#[test]
fn a_matrix_has_a_shade_and_a_number_for_every_kind_of_mistake() {
    let matrix = confusion("nominal", 3, &[8, 2, 0, 0, 5, 0, 1, 0, 999]);
    let figure = confusion_matrices("digits", &[matrix]).unwrap();
    check(&figure);
    assert_eq!(count(&figure, "class=\"cell\""), 5);
    let texts = texts(&figure);
    for (number, times) in [("80", 1), ("20", 1), ("100", 2)] {
        assert_eq!(texts.iter().filter(|text| *text == number).count(), times, "{number}");
    }
    for label in ["nominal", "label", "predicted class", "100% of the samples of a label"] {
        assert!(texts.iter().any(|text| text == label), "{label}");
    }
    for (matrices, classes) in (1..=5).flat_map(|matrices| [1, 2, 10, 100, 101].map(|classes| (matrices, classes))) {
        let counts: Vec<_> = (0..classes * classes).map(|at| at as u64 % 7).collect();
        let all: Vec<_> = (0..matrices).map(|i| confusion(&format!("drifted by {i} K"), classes, &counts)).collect();
        check(&confusion_matrices("", &all).unwrap());
    }
    let none = confusion("no samples", 2, &[0; 4]);
    check(&confusion_matrices("", &[none]).unwrap());
    let error = confusion_matrices("", &[confusion("odd", 2, &[1; 3])]).unwrap_err();
    assert_eq!(error.to_string(), "`odd`: 3 values of counts for 4 points");
}

#[test]
fn bad_input_is_refused() {
    let mut short = curve("short", &[1.0, 2.0]);
    short.mean.pop();
    let error = score_curves("", "x", &[short], PLAIN).unwrap_err();
    assert_eq!(error.to_string(), "`short`: 1 values of mean for 2 points");
    let mut spread = curve("a", &[1.0, 2.0]);
    spread.spread = Some(vec![1.0; 3]);
    assert!(matches!(score_curves("", "x", &[spread], PLAIN), Err(Error::Length { list: "spread", found: 3, .. })));
    let mut uneven = run("a", &[1.0, 2.0]);
    uneven.test_loss.pop();
    assert!(matches!(training_curves("", &[uneven], PLAIN), Err(Error::Length { list: "test_loss", .. })));
    assert!(matches!(score_curves("", "x", &[], PLAIN), Err(Error::Empty(_))));
    for half_width in [0.0, -0.1, f64::NAN] {
        assert!(matches!(
            ring_operating_points("", &[rings("", &[])], &lorentzian, half_width),
            Err(Error::HalfWidth(_))
        ));
    }
}

#[test]
fn ticks_are_round_and_tidy() {
    let labels = |scale: Scale, most| -> Vec<String> { scale.ticks(most).into_iter().map(|tick| tick.1).collect() };
    assert_eq!(labels(Scale::linear(-1.0, 1.0), 5), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    assert_eq!(labels(Scale::linear(0.0, 100.0), 6), ["0", "20", "40", "60", "80", "100"]);
    assert_eq!(labels(Scale::linear(-3e-7, 1e-7), 5), ["−3×10⁻⁷", "−2×10⁻⁷", "−10⁻⁷", "0", "10⁻⁷"]);
    assert_eq!(labels(Scale::log_around([0.03, 1.5]), 7), ["0.05", "0.1", "0.2", "0.5", "1"]);
    assert_eq!(labels(Scale::log_around([1e-5, 1.0]), 6).first().unwrap(), "10⁻⁵");
    assert_eq!(shortest(-0.0, 2), "0");
    assert_eq!(shortest(12.50, 2), "12.5");
}

#[test]
fn the_font_has_every_sign_a_figure_needs() {
    for sign in "−×·±°Δλσρμµ–≤≥≈∞⁻⁰¹²³⁴⁵⁶⁷⁸⁹".chars() {
        assert!(text::width(&sign.to_string(), 14.0) > 0.0, "{sign}");
    }
    let wide = text::width("MMMM", 14.0);
    assert!(wide > 3.0 * text::width("iiii", 14.0) / 2.0);
}

#[test]
fn other_scores_have_axes_around_their_values() {
    let curves = [curve("a", &[12.0, 18.0, 14.0])];
    let figure = score_curves("", "x", &curves, Score::Psnr).unwrap();
    check(&figure);
    let words = texts(&figure);
    assert!(words.iter().any(|text| text == "PSNR (dB)") && !words.iter().any(|text| text == "100"), "{words:?}");
    let bars = [Bar { name: "a".to_owned(), mean: 18.5, spread: Some(0.5), worst: None }];
    let figure = score_bars("", "", &bars, Score::Psnr).unwrap();
    check(&figure);
    assert!(texts(&figure).iter().any(|text| text == "18.5"));
    check(&score_maps("", ["x", "y"], &[map("", 3, 2, |x, y| 20.0 - 10.0 * (x + y))], Score::Psnr).unwrap());
    check(&training_curves("", &[run("a", &[2.0, 1.0])], Score::Psnr).unwrap());
}

#[test]
fn samples_are_pictures_with_sharp_pixels_beside_their_labels() {
    let row = |label: &str, values: &[f32]| SampleRow { label: label.to_owned(), values: values.to_vec() };
    // Two images of two pixels, one of them beyond white and one no number.
    let rows = [row("original", &[0.0, 1.0, 0.5, 2.0]), row("temperature −0.25 K", &[f32::NAN, -1.0, 0.2, 0.4])];
    let figure = samples("title", [1, 1, 2], &rows).unwrap();
    check(&figure);
    assert_eq!(count(&figure, "<image"), 4);
    assert!(rows.iter().all(|row| texts(&figure).contains(&row.label)));
    let png = image::load_from_memory(&figure.png().unwrap()).unwrap().to_rgb8();
    let has = |grey: u8| png.pixels().filter(|pixel| pixel.0 == [grey; 3]).count();
    // Twelve pixels of the PNG along either axis are one: no shade between.
    assert_eq!((has(128), has(51), has(102)), (144, 144, 144));
    let colours = samples("", [3, 1, 1], &[row("a", &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0])]).unwrap();
    check_png(&colours, &[[255, 0, 0], [0, 0, 255]]);
    for (channels, side, count) in [(1, 28, 10), (3, 32, 10), (1, 8, 30), (1, 300, 4)] {
        let values = vec![0.5; channels * side * side * count];
        let label = "a label that is much longer than there is room for beside the pictures";
        check(&samples("", [channels, side, side], &[row(label, &values)]).unwrap());
    }
    assert!(matches!(samples("", [2, 1, 1], &[row("a", &[0.0; 2])]), Err(Error::Channels(2))));
    assert!(matches!(samples("", [1, 1, 1], &[]), Err(Error::Empty("images"))));
    let short = samples("", [1, 1, 2], &[row("a", &[0.0; 4]), row("b", &[0.0; 2])]);
    assert!(matches!(short, Err(Error::Length { list: "values", found: 2, expected: 4, .. })));
}
