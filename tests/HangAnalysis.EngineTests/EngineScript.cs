namespace HangAnalysis.EngineTests;

/// <summary>Commands for one run of the engine, each under a name by which its answer is found again.</summary>
/// <remarks>A run costs seconds, a command some milliseconds: whatever is asked of one dump goes into one script.</remarks>
internal sealed class EngineScript
{
    // Not in any dump, and the same as text and as DML.
    private const string Mark = "======== answer ";

    private readonly List<string> _lines = [];
    private readonly List<string> _keys = [];

    /// <summary>Adds commands whose output is one answer.</summary>
    public void Add(string key, params IEnumerable<string> commands)
    {
        _lines.Add($".echo {Mark}{_keys.Count} ========");
        _keys.Add(key);
        _lines.AddRange(commands);
    }

    /// <summary>Adds a command that is its own name.</summary>
    public void Add(string command) => Add(command, [command]);

    /// <summary>Runs everything; the answers by their names.</summary>
    public Dictionary<string, string> Run(string dump, params IEnumerable<string> options)
    {
        string[] parts = Engine.Run(dump, options, _lines).Split(Mark);
        if (parts.Length != _keys.Count + 1)
            throw new InvalidOperationException(
                $"{parts.Length - 1} of {_keys.Count} answers; the last of {_keys[Math.Max(0, parts.Length - 2)]}: {parts[^1]}");
        Dictionary<string, string> answers = [];
        for (int i = 0; i < _keys.Count; i++)
            answers.Add(_keys[i], parts[i + 1][(parts[i + 1].IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        return answers;
    }
}
