//! Tables of tab-separated values with the columns' names in the first line.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A table; empty where there is no such file.
#[derive(Default)]
pub(crate) struct Table {
    text: String,
}

/// A line of a table.
pub(crate) struct Row<'a> {
    columns: &'a HashMap<&'a str, usize>,
    cells: Vec<&'a str>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        Self {
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Calls `each` with every row.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Row<'_>)) {
        let mut lines = self.text.lines();
        let Some(names) = lines.next() else {
            return;
        };
        let columns = names.split('\t').zip(0..).collect();
        for line in lines {
            each(&Row {
                columns: &columns,
                cells: line.split('\t').collect(),
            });
        }
    }
}

impl<'a> Row<'a> {
    /// The text in a column; empty where the line is too short.
    pub(crate) fn get(&self, column: &str) -> &'a str {
        let index = *self
            .columns
            .get(column)
            .unwrap_or_else(|| panic!("no column {column}"));
        self.cells.get(index).copied().unwrap_or_default()
    }

    /// A column that holds a whole number.
    pub(crate) fn number(&self, column: &str) -> Option<u64> {
        self.get(column).parse().ok()
    }
}
