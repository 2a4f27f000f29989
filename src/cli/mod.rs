//! What was typed (`args`) and what it means (`command`). No input or output here.
