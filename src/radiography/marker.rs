//! The lead letter that a radiographer lays on the cassette.

use super::Camera;

/// Side of one cell of a letter.
const CELL_MM: f64 = 1.4;
/// As much as this much cortical bone.
const LEAD_MM: f64 = 60.0;

/// Seven rows of five cells.
const fn shape(letter: char) -> Option<[u8; 7]> {
    match letter {
        'R' => Some([
            0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001,
        ]),
        'L' => Some([
            0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111,
        ]),
        _ => None,
    }
}

/// Lays a letter, its middle at a place of the detector. Letters other than
/// R and L leave nothing.
pub(super) fn lay(camera: &Camera, letter: char, middle_mm: [f64; 2], bone_mm: &mut [f64]) {
    let Some(cells) = shape(letter) else {
        return;
    };
    for (index, pixel) in (0..camera.rows)
        .flat_map(|row| (0..camera.columns).map(move |column| (row, column)))
        .zip(bone_mm)
    {
        let [x, y] = camera.place_of([f64::from(index.1), f64::from(index.0)]);
        let right = ((x - middle_mm[0]) / CELL_MM + 2.5).floor();
        let down = ((y - middle_mm[1]) / CELL_MM + 3.5).floor();
        if (0.0..5.0).contains(&right) && (0.0..7.0).contains(&down) {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 7, tested in the line above"
            )]
            let (right, down) = (right as usize, down as usize);
            if cells[down] >> (4 - right) & 1 == 1 {
                *pixel += LEAD_MM;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_l_stands_upright_and_runs_to_the_right_at_its_foot() {
        let camera = Camera {
            sid_mm: 1000.0,
            oid_mm: 0.0,
            principal_point_mm: [0.0, 0.0],
            pixel_spacing_mm: [1.4, 1.4],
            rows: 9,
            columns: 9,
        };
        let mut image = vec![0.0; 81];
        lay(&camera, 'L', [0.0, 0.0], &mut image);
        let lit = |row: usize| {
            (0..9)
                .filter(|c| image[row * 9 + c] > 0.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(lit(1), [2]);
        assert_eq!(lit(7), [2, 3, 4, 5, 6]);
        assert_eq!(lit(8), Vec::<usize>::new());
    }
}
