"""Reports as one HTML file: pictures drawn as inline SVG, tables, nothing fetched from anywhere."""
