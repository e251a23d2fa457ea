"""From rows to examples: which unit comes next, and what one draw of each objective is."""
