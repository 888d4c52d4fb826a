//! Text in columns: names to the left, figures to the right.
//! Does not know what they mean.

use std::fmt;

/// Rows of cells under headings.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet; `name` stands over the names.
    #[must_use]
    pub fn new(name: &str, headings: impl IntoIterator<Item = String>) -> Self {
        let mut table = Self { rows: Vec::new() };
        table.add(name, headings);
        table
    }

    /// Adds a row.
    pub fn add(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        let name = std::iter::once(name.to_owned());
        self.rows.push(name.chain(cells).collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                match column {
                    0 => write!(formatter, "{cell:width$}")?,
                    _ => write!(formatter, "  {cell:>width$}")?,
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

/// A whole number with commas between thousands.
#[must_use]
pub fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new("images/s", ["forward".to_owned(), "step".to_owned()]);
        table.add("here", ["1,234 (±5)".to_owned(), "–".to_owned()]);
        assert_eq!(
            table.to_string(),
            "images/s     forward  step\n\
             here      1,234 (±5)     –\n"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        let figures = [0.4, 999.6, 12_345.0, 1_234_567.0];
        assert_eq!(figures.map(count), ["0", "1,000", "12,345", "1,234,567"]);
    }
}
