#:property PublishAot=false
// render.cs OUT.svg: draws DML from standard input as the debugger's window shows it. Called by render.sh.
using System.Globalization;
using System.Text;
using System.Xml.Linq;

const double Advance = 7.8;
const double LineHeight = 17;
const double Margin = 12;
const int FontSize = 13;

// Our own DML is well-formed XML: DmlSink escapes everything, and closes what it opens.
XElement dml = XElement.Parse($"<dml>{Console.In.ReadToEnd().Replace("\r", "").TrimEnd()}</dml>", LoadOptions.PreserveWhitespace);
List<List<Piece>> lines = [[]];
Collect(dml, "");

XNamespace svg = "http://www.w3.org/2000/svg";
double width = 2 * Margin + Advance * lines.Max(Length);
double height = 2 * Margin + LineHeight * lines.Count;
XElement picture = new(svg + "svg",
    new XAttribute("viewBox", $"0 0 {Number(width)} {Number(height)}"),
    new XAttribute("width", Number(width)), new XAttribute("height", Number(height)),
    new XAttribute("font-family", "Consolas, Menlo, 'DejaVu Sans Mono', monospace"), new XAttribute("font-size", FontSize),
    new XElement(svg + "style", """
        text { fill: #1e1e1e; white-space: pre; } .b { font-weight: bold; }
        .exec { fill: #0050c8; text-decoration: underline; }
        .errfg { fill: #c4161c; } .warnfg { fill: #a15c00; } .empfg { fill: #107c10; } .subfg { fill: #6a6a6a; }
        """),
    new XElement(svg + "rect", new XAttribute("width", "100%"), new XAttribute("height", "100%"),
        new XAttribute("rx", 6), new XAttribute("fill", "#ffffff"), new XAttribute("stroke", "#c8c8c8")));
for (int i = 0; i < lines.Count; i++)
{
    if (lines[i].Count == 0)
        continue;
    // The length keeps the columns of lines together, whichever font there is.
    picture.Add(new XElement(svg + "text",
        new XAttribute(XNamespace.Xml + "space", "preserve"), new XAttribute("x", Number(Margin)),
        new XAttribute("y", Number(Margin + LineHeight * i + FontSize)),
        new XAttribute("textLength", Number(Advance * Length(lines[i]))), new XAttribute("lengthAdjust", "spacingAndGlyphs"),
        lines[i].Select(p => p.Style.Length == 0
            ? (object)p.Text
            : new XElement(svg + "tspan", new XAttribute("class", p.Style), p.Text))));
}
// Line by line and not indented: white space between the pieces of a line would be shown.
StringBuilder file = new();
file.Append(picture.ToString(SaveOptions.DisableFormatting)).Replace("<text ", "\n<text ").Replace("</svg>", "\n</svg>\n");
File.WriteAllText(args[0], file.ToString());

void Collect(XElement element, string style)
{
    foreach (XNode node in element.Nodes())
        if (node is XElement child)
            Collect(child, $"{style} {child.Attribute("fg")?.Value ?? child.Name.LocalName}".TrimStart());
        else if (node is XText text)
        {
            string[] parts = text.Value.Split('\n');
            for (int i = 0; i < parts.Length; i++)
            {
                if (i > 0)
                    lines.Add([]);
                if (parts[i].Length > 0)
                    lines[^1].Add(new Piece(parts[i], style));
            }
        }
}

static int Length(List<Piece> line) => line.Sum(p => p.Text.Length);

static string Number(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

internal sealed record Piece(string Text, string Style);
