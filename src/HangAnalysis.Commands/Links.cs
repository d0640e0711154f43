using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Turns what knowledge words into spans with links: which command shows which kind of object.</summary>
internal static class Links
{
    /// <summary>The spans of a phrase.</summary>
    public static IEnumerable<Span> ToSpans(Phrase phrase)
    {
        foreach (PhrasePart part in phrase.Parts)
            yield return new Span(part.Text, Tone.Normal, part.Reference is { } reference ? CommandFor(reference) : null);
    }

    /// <summary>An object's address as a link.</summary>
    public static Span To(ObjectReference reference) => new($"{reference.Address:x16}", Tone.Normal, CommandFor(reference));

    private static string? CommandFor(ObjectReference reference) => reference.Kind switch
    {
        ObjectKind.Thread => $"!lpcchain {reference.Address:x16}",
        ObjectKind.Process => $"!us -p {reference.Address:x16}",
        ObjectKind.Message => $"dt nt!_KALPC_MESSAGE {reference.Address:x16}",
        ObjectKind.Port => $"dt nt!_ALPC_PORT {reference.Address:x16}",
        ObjectKind.Request => $"dt nt!_IRP {reference.Address:x16}",
        ObjectKind.Device => $"dt nt!_DEVICE_OBJECT {reference.Address:x16}",
        ObjectKind.Event => $"dt nt!_KEVENT {reference.Address:x16}",
        _ => null,
    };
}
