using System.Globalization;
using System.Text.Json;

namespace HangAnalysis.Analysis.Rules;

/// <summary>On which line of a JSON text each of its values stands.</summary>
internal sealed class JsonLines
{
    private readonly Dictionary<string, int> _lines = [];

    /// <summary>Reads a text once; throws <see cref="JsonException"/> where it is no JSON.</summary>
    public JsonLines(ReadOnlySpan<byte> text, int mostDepth)
    {
        Utf8JsonReader reader = new(text, new JsonReaderOptions
        {
            AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, MaxDepth = mostDepth,
        });
        Stack<(string Path, int Index)> open = [];
        string name = "";
        int line = 1;
        int counted = 0;
        while (reader.Read())
        {
            int start = (int)reader.TokenStartIndex;
            line += text[counted..start].Count((byte)'\n');
            counted = start;
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    name = Join(open.Peek().Path, reader.GetString() ?? "");
                    _lines[name] = line;
                    continue;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    open.Pop();
                    continue;
            }
            string path = name;
            if (open.Count > 0 && open.Peek() is { Index: >= 0 } list)
            {
                path = $"{list.Path}[{list.Index.ToString(CultureInfo.InvariantCulture)}]";
                open.Pop();
                open.Push((list.Path, list.Index + 1));
            }
            _lines.TryAdd(path, line);
            if (reader.TokenType == JsonTokenType.StartObject)
                open.Push((path, -1));
            else if (reader.TokenType == JsonTokenType.StartArray)
                open.Push((path, 0));
        }
    }

    /// <summary>The line of a value such as <c>rules[3].when.code[0]</c>; of one that is not there, that of what it would be in.</summary>
    public int Of(string path)
    {
        while (path.Length > 0)
        {
            if (_lines.TryGetValue(path, out int line))
                return line;
            int end = Math.Max(path.LastIndexOf('.'), path.LastIndexOf('['));
            path = end < 0 ? "" : path[..end];
        }
        return _lines.GetValueOrDefault("", 1);
    }

    /// <summary>The path of a member.</summary>
    public static string Join(string parent, string name) => parent.Length == 0 ? name : $"{parent}.{name}";
}
