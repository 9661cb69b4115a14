"""Where the marks of a chart are, and one template that draws them: for pages and the report."""
