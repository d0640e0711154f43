using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges stacks.</summary>
internal static class StackDocument
{
    /// <summary>Adds frames: address and name, a mark on those that are only candidates, and why the stack ends early.</summary>
    public static void AddFrames(Document document, StackFacts stack, int indent, int most = int.MaxValue)
    {
        for (int i = 0; i < stack.Frames.Count && i < most; i++)
        {
            FrameFacts frame = stack.Frames[i];
            List<Span> spans =
            [
                new Span($"{frame.InstructionPointer:x16} "),
                new Span(frame.Text, frame.Module?.Origin == ModuleOrigin.ThirdParty ? Tone.Caution : Tone.Normal),
            ];
            if (frame.Certainty == Certainty.Candidate)
                spans.Add(new Span("  (candidate: found by scanning the stack)", Tone.Muted));
            else if (frame.FoundBy is { } way)
                spans.Add(new Span($"  (inferred: {way})", Tone.Muted));
            document.Add(new LineBlock(spans, [], indent));
        }
        if (stack.Frames.Count > most)
            document.Add(new LineBlock([new Span($"… {stack.Frames.Count - most:N0} more frames; see /json", Tone.Muted)], [], indent));
        if (stack.EndNote is not null)
            document.Add(new LineBlock([new Span($"({stack.EndNote})", Tone.Muted)], [], indent));
    }
}
