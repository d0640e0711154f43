using System.Runtime.CompilerServices;
using System.Text;

namespace HangAnalysis.Model;

/// <summary>A part of a sentence: text, or an object that a writer may turn into a link.</summary>
/// <param name="Text">The text to show; for an object its address in 16 digits, its number or its title.</param>
/// <param name="Reference">The object, or null for text.</param>
public readonly record struct PhrasePart(string Text, ObjectReference? Reference);

/// <summary>
/// A few words about a fact, with the objects that it names kept apart from the text: knowledge words it, writers link it.
/// </summary>
/// <example><c>Phrase.Of($"reply to ALPC message {message}, queued at port {port}")</c></example>
public sealed class Phrase
{
    private Phrase(IReadOnlyList<PhrasePart> parts) => Parts = parts;

    /// <summary>The parts in reading order.</summary>
    public IReadOnlyList<PhrasePart> Parts { get; }

    /// <summary>Makes a phrase from an interpolated string: <see cref="ObjectReference"/>s in it stay objects.</summary>
    public static Phrase Of(ref Handler text) => new(text.ToParts());

    /// <summary>Makes a phrase of plain text.</summary>
    public static Phrase Of(string text) => new([new PhrasePart(text, null)]);

    /// <summary>The phrase as plain text.</summary>
    public override string ToString() => string.Concat(Parts.Select(p => p.Text));

    /// <summary>Collects the parts of an interpolated string.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Handler
    {
        private readonly List<PhrasePart> _parts;
        private readonly StringBuilder _text;

        /// <summary>Called by the compiler.</summary>
        public Handler(int literalLength, int formattedCount)
        {
            _parts = new List<PhrasePart>(formattedCount * 2 + 1);
            _text = new StringBuilder(literalLength);
        }

        /// <summary>Called by the compiler for literal text.</summary>
        public void AppendLiteral(string value) => _text.Append(value);

        /// <summary>Called by the compiler for an object.</summary>
        public void AppendFormatted(ObjectReference value)
        {
            Flush();
            string text = value.Kind == ObjectKind.Processor ? value.Address.ToString() : value.Address.ToString("x16");
            _parts.Add(new PhrasePart(text, value));
        }

        /// <summary>Called by the compiler for a process: shown by its title.</summary>
        public void AppendFormatted(ProcessFacts value)
        {
            Flush();
            _parts.Add(new PhrasePart(value.Title, ObjectReference.To(value.Address)));
        }

        /// <summary>Called by the compiler for a phrase in a phrase.</summary>
        public void AppendFormatted(Phrase value)
        {
            Flush();
            _parts.AddRange(value.Parts);
        }

        /// <summary>Called by the compiler for anything else.</summary>
        public void AppendFormatted<T>(T value, string? format = null) =>
            _text.Append(value is IFormattable formattable ? formattable.ToString(format, null) : value?.ToString());

        internal IReadOnlyList<PhrasePart> ToParts()
        {
            Flush();
            return _parts;
        }

        private void Flush()
        {
            if (_text.Length == 0)
                return;
            _parts.Add(new PhrasePart(_text.ToString(), null));
            _text.Clear();
        }
    }
}
