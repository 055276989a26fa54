//! Blocks of a page, and how they are written as Markdown and as HTML.

/// A part of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// Of a level from 1.
    Heading(u8, String),
    Paragraph(Cell),
    List(Vec<Cell>),
    Table {
        head: Vec<String>,
        rows: Vec<Vec<Cell>>,
    },
}

/// Text in a line.
pub(super) type Cell = Vec<Span>;

/// A piece of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Span {
    Text(String),
    Code(String),
}

pub(super) fn text(text: impl Into<String>) -> Span {
    Span::Text(text.into())
}

pub(super) fn code(text: impl Into<String>) -> Span {
    Span::Code(text.into())
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1c1917;background:#fff}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #d6d3d1}\
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}td{overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{color:#f5f5f4;background:#1c1917}th,td{border-color:#57534e}}";

/// As Markdown.
pub(super) fn markdown(blocks: &[Block]) -> String {
    let blocks: Vec<_> = blocks.iter().map(markdown_block).collect();
    blocks.join("\n\n") + "\n"
}

fn markdown_block(block: &Block) -> String {
    match block {
        Block::Heading(level, title) => format!("{} {}", "#".repeat(usize::from(*level)), plain(title)),
        Block::Paragraph(cell) => markdown_cell(cell),
        Block::List(items) => {
            let items: Vec<_> = items.iter().map(|item| format!("- {}", markdown_cell(item))).collect();
            items.join("\n")
        }
        Block::Table { head, rows } => {
            let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
            let mut lines = vec![line(head.iter().map(|title| plain(title)).collect())];
            lines.push(line(vec!["---".to_owned(); head.len()]));
            lines.extend(rows.iter().map(|row| line(row.iter().map(markdown_cell).collect())));
            lines.join("\n")
        }
    }
}

fn markdown_cell(cell: &Cell) -> String {
    cell.iter()
        .map(|span| match span {
            Span::Text(text) => plain(text),
            Span::Code(text) => markdown_code(text),
        })
        .collect()
}

/// Text that stays text: what Markdown would read otherwise is escaped.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if "\\`*_{}[]<>#|!~&$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// In as many backticks as it takes; a bar would end a table's cell even so.
fn markdown_code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Without line breaks, which would end a heading or a cell.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// As one HTML file that loads nothing and runs nothing.
pub(super) fn html(title: &str, blocks: &[Block]) -> String {
    let body: Vec<_> = blocks.iter().map(html_block).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}\n</body>\n</html>\n",
        escape(title),
        body.join("\n")
    )
}

fn html_block(block: &Block) -> String {
    match block {
        Block::Heading(level, title) => format!("<h{level}>{}</h{level}>", escape(title)),
        Block::Paragraph(cell) => format!("<p>{}</p>", html_cell(cell)),
        Block::List(items) => {
            let items: String = items.iter().map(|item| format!("<li>{}</li>", html_cell(item))).collect();
            format!("<ul>{items}</ul>")
        }
        Block::Table { head, rows } => {
            let head: String = head.iter().map(|title| format!("<th>{}</th>", escape(title))).collect();
            let row = |row: &Vec<Cell>| {
                let cells: String = row.iter().map(|cell| format!("<td>{}</td>", html_cell(cell))).collect();
                format!("<tr>{cells}</tr>\n")
            };
            format!("<table>\n<tr>{head}</tr>\n{}</table>", rows.iter().map(row).collect::<String>())
        }
    }
}

fn html_cell(cell: &Cell) -> String {
    cell.iter()
        .map(|span| match span {
            Span::Text(text) => escape(text),
            Span::Code(text) if text.is_empty() => String::new(),
            Span::Code(text) => format!("<code>{}</code>", escape(text)),
        })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Vec<Block> {
        let evil = "<script>alert(1)</script> | `a` **b**\n# c";
        vec![
            Block::Heading(1, evil.to_owned()),
            Block::Paragraph(vec![code("x"), text(" "), text(evil)]),
            Block::Table { head: vec!["A".to_owned()], rows: vec![vec![vec![code(evil)]]] },
        ]
    }

    #[test]
    fn html_holds_no_markup_of_the_brick_s() {
        let page = html("</title><script>", &hostile());
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn markdown_holds_no_markup_of_the_brick_s() {
        let page = markdown(&hostile());
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0], r"# \<script\>alert(1)\</script\> \| \`a\` \*\*b\*\* \# c");
        assert!(lines[2].starts_with("`x` \\<script"), "{page}");
        assert_eq!(lines[6], r"| ``<script>alert(1)</script> \| `a` **b** # c`` |");
    }
}
