using System.Globalization;
using System.Text.Json;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>Whether the extension did the same work as the loop: the same threads, as many frames.</summary>
internal static class CommandCheck
{
    /// <summary>Frames that <c>!us -k</c> found of the loop's threads; throws where it did not see one of them.</summary>
    public static int CountFrames(EngineSession engine, IReadOnlyList<EngineProcess> processes)
    {
        using StringWriter output = new();
        engine.SetOutput(output);
        bool ran = engine.Execute("!us /json -k");
        engine.SetOutput(TextWriter.Null);
        if (!ran)
            throw new DebugEngineException("!us /json -k failed");
        HashSet<ulong> missing = [.. processes.SelectMany(p => p.Threads)];
        using JsonDocument document = JsonDocument.Parse(output.ToString());
        int frames = 0;
        foreach (JsonElement group in document.RootElement.GetProperty("groups").EnumerateArray())
        {
            int depth = group.GetProperty("frames").GetArrayLength();
            foreach (JsonElement thread in group.GetProperty("threads").EnumerateArray())
                if (missing.Remove(ulong.Parse(thread.GetString().AsSpan(2), NumberStyles.HexNumber, null)))
                    frames += depth;
        }
        return missing.Count == 0
            ? frames
            : throw new DebugEngineException($"!us -k shows no stack of {missing.Count} threads, such as {missing.First():x16}");
    }
}

/// <summary>Counts what the engine says, and keeps nothing of it.</summary>
internal sealed class CountingWriter : TextWriter
{
    /// <summary>Characters since the last look.</summary>
    public long Characters { get; private set; }

    /// <inheritdoc/>
    public override System.Text.Encoding Encoding => System.Text.Encoding.Unicode;

    /// <summary>The characters since the last call.</summary>
    public long Take()
    {
        long characters = Characters;
        Characters = 0;
        return characters;
    }

    /// <inheritdoc/>
    public override void Write(char value) => Characters++;

    /// <inheritdoc/>
    public override void Write(string? value) => Characters += value?.Length ?? 0;
}
