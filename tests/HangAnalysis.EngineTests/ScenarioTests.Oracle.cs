using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>What the engine says of the dump by itself, without the extension, is the oracle.</summary>
public partial class ScenarioTests
{
    private const string CurrentStack = "k", Modules = "modules";

    /// <summary>
    /// Of the hostile names: the engine calls a driver by the end of its path and a main module by the end of its process's
    /// path, whatever stands there; the loader's lists have the names themselves.
    /// </summary>
    private static readonly (string Engine, string Loader)[] s_moduleNames =
        [("A_31M__TMXPFLT+", "TMXPFLT+"), ("EXEC___0_OWNED_!", "EXPLORER!")];

    private static readonly string[] s_enumerations = ["_KTHREAD_STATE", "_KWAIT_REASON"];

    private void AddQuestions(EngineScript script)
    {
        EngineThreadList.Ask(script, IsX86);
        foreach (string type in NamedTypes.Concat(s_enumerations))
            script.Add($"dt nt!{type}");
        script.Add(Modules, EngineModuleList.Commands);
        script.Add(CurrentStack, "k 256");
        foreach (ProcessorFacts processor in _session.System.Processors)
            script.Add($"~{processor.Number}", [$"~{processor.Number}s", .. ProgramOf(processor), "k 256"]);
        foreach (ThreadFacts thread in WithoutProcessor)
            script.Add($"k {thread.Address.Value:x}", $".thread /p /r {Typed(thread.Address.Value)}", "k 256");
    }

    /// <summary>The engine names a running program's frames only if it is told whose memory to look at.</summary>
    private string[] ProgramOf(ProcessorFacts processor) => processor.Current is { EnvironmentBlock: not 0 } thread
        ? [$".process /p /r {Typed(thread.Process.Address.Value)}"]
        : [];

    private bool IsX86 => forged.Kernel.PointerSize == 4;

    /// <summary>An address for a command of the engine, which wants those of 32 bits sign-extended.</summary>
    private string Typed(ulong address) => $"{(IsX86 ? (ulong)(int)address : address):x16}";

    /// <summary>An address as it is printed.</summary>
    private string Hex(ulong address) => IsX86 ? $"{address:x8}" : $"{address:x16}";

    /// <summary>A nested type without a name has one in the symbols that <c>dt</c> does not take.</summary>
    private IEnumerable<string> NamedTypes =>
        forged.Kernel.Types.Keys.Where(t => !t.Contains('<', StringComparison.Ordinal));

    /// <summary>Threads that run have their registers elsewhere.</summary>
    private IEnumerable<ThreadFacts> WithoutProcessor =>
        _session.Description.HoldsPages ? _session.System.Threads.Where(t => t.Processor is null) : [];

    [Test]
    public void Threads_and_their_states_are_those_of_the_engines_data_model()
    {
        EngineThreadList theirs = EngineThreadList.From(_answers);
        if (!_session.Description.HoldsPages)
        {
            Assert.That(theirs.Names, Is.SubsetOf(_session.System.Threads.Select(t => t.ClientId)),
                "of a small dump the engine lists nothing that could be compared, or, following the list, the stop's own thread");
            return;
        }
        Dictionary<long, string> stateNames = ReadEnumeration("_KTHREAD_STATE"), reasonNames = ReadEnumeration("_KWAIT_REASON");

        // The data model leaves the idle threads out: they are in no list of the kernel.
        List<ThreadFacts> ours = [.. _session.System.Threads.Where(t => t.Process.Id != 0)];
        Assert.That(ours.Select(t => t.ClientId), Is.SupersetOf(theirs.Names));
        // It shows a hundred items of a collection.
        Assert.That(ours.Where(t => !theirs.Names.Contains(t.ClientId)).Select(t => t.Process.Threads.Count), Has.All.GreaterThan(100));
        ours.RemoveAll(t => !theirs.Names.Contains(t.ClientId));
        foreach (ThreadFacts thread in ours)
        {
            Assert.That(theirs.AddressOf(thread.ClientId, IsX86), Is.EqualTo(thread.Address.Value), thread.ClientId);
            // Public symbols of 7601 lack the enumerations.
            if (stateNames.Count == 0)
                continue;
            Assert.That(thread.State, Is.EqualTo(stateNames[theirs.StateOf(thread.ClientId)]), thread.ClientId);
            if (thread.WaitReason is not null)
                Assert.That(thread.WaitReason, Is.EqualTo(reasonNames[theirs.ReasonOf(thread.ClientId)]), thread.ClientId);
        }
    }

    [Test]
    public void Modules_and_bug_check_are_those_of_the_engine() => EngineModuleList.AssertSame(_session, _answers[Modules]);

    [Test]
    public void Types_are_laid_out_as_the_engine_reads_them()
    {
        ISymbolFile symbols = _session.Windows.Target.GetSymbols(_session.Windows.Target.KernelModules[0])!;
        int fields = 0;
        foreach (string type in NamedTypes)
        {
            string[] expected = [.. Field().Matches(_answers[$"dt nt!{type}"]).Select(m => string.Join(' ',
                Convert.ToInt32(m.Groups["offset"].Value, 16), m.Groups["name"].Value, m.Groups["bit"].Value,
                m.Groups["bits"].Value))];
            TypeLayout? layout = symbols.FindType(type);
            Assert.That(layout?.Fields.Select(f => f.BitLength == 0
                ? $"{f.Offset} {f.Name}  " : $"{f.Offset} {f.Name} {f.BitPosition} {f.BitLength}"), Is.EquivalentTo(expected), type);
            fields += expected.Length;
        }
        Assert.That(fields, Is.GreaterThan(1000));
        foreach (string enumeration in s_enumerations)
            Assert.That((symbols.FindEnum(enumeration)?.Values ?? new Dictionary<string, long>()).Select(v => (v.Key, v.Value)),
                Is.EquivalentTo(Value().Matches(_answers[$"dt nt!{enumeration}"]).Select(m =>
                    (m.Groups["name"].Value, long.Parse(m.Groups["value"].Value, CultureInfo.InvariantCulture)))), enumeration);
    }

    [Test]
    public void Stacks_are_those_that_the_engine_walks()
    {
        int frames = 0, walked = 0;
        foreach (ThreadFacts thread in WithoutProcessor)
        {
            StackFacts stack = _session.System.GetStack(thread);
            // The engine asks neither whether a thread has ended or not started nor whether its stack is in memory, and walks
            // what is there.
            if (thread.Activity == ThreadActivity.NotRunnable || !thread.StackResident)
                Assert.That((stack.Frames, stack.EndNote), Is.EqualTo((Array.Empty<FrameFacts>(),
                    thread.HasExited ? "the thread has ended"
                    : thread.Activity == ThreadActivity.NotRunnable ? "the thread has not started" : "the kernel stack is paged out")));
            else
            {
                frames += CompareStacks(stack, $"k {thread.Address.Value:x}");
                walked++;
            }
        }
        foreach (ProcessorFacts processor in _session.System.Processors)
            if (processor.Current is { } current)
                frames += CompareStacks(_session.System.GetStack(current), $"~{processor.Number}");
        if (_session.System.GetStopStack() is { } stop && !_session.Description.HoldsPages)
            frames += CompareStacks(stop.Stack, CurrentStack);
        Assert.That(frames, Is.GreaterThan(_session.Description.HoldsPages ? 7 * walked : 7));
    }

    /// <summary>Of 32-bit systems the engine shows frame pointers where of others it shows stack pointers.</summary>
    private int CompareStacks(StackFacts ours, string question)
    {
        string[] walked = [.. Frame().Matches(_answers[question]).Select(m => Comparable(
            $"{(IsX86 ? "" : m.Groups["sp"].Value + m.Groups["sp2"].Value)} {m.Groups["site"].Value.Trim()}"))];
        // Without the program's memory the engine still shows where the program called the kernel.
        if (ours.EndNote == "the process's module list is not in the dump" && walked.Length == ours.Frames.Count + 1)
            walked = walked[..^1];
        string[] returns = [.. Frame().Matches(_answers[question]).Select(m => $"{m.Groups["ret"].Value}{m.Groups["ret2"].Value}")];
        Assert.That(ours.Frames.Select(f => Comparable($"{(IsX86 ? "" : $"{f.StackPointer:x16}")} {f.Text}")), Is.EqualTo(walked), question);
        // Where a frame will go on is where it returns to in the line above.
        Assert.That(ours.Frames.Skip(1).Select(f => Hex(f.InstructionPointer)), Is.EqualTo(returns.Take(ours.Frames.Count - 1)), question);
        return walked.Length;
    }

    private Dictionary<long, string> ReadEnumeration(string name)
    {
        Dictionary<long, string> names = [];
        foreach (Match match in Value().Matches(_answers[$"dt nt!{name}"]))
            names[long.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)] = match.Groups["name"].Value;
        return names;
    }

    /// <summary>
    /// The engine takes a main module's name from the process ("explorer") and not from the loader's list ("Explorer"), so
    /// that letters are compared without their case.
    /// </summary>
    private static string Comparable(string frame)
    {
        string text = BareAddress().Replace(frame, m =>
            $" 0x{m.Groups[1].Value.Replace("`", "", StringComparison.Ordinal).TrimStart('0')}").ToUpperInvariant();
        foreach ((string engine, string loader) in s_moduleNames)
            text = text.Replace(engine, loader, StringComparison.Ordinal);
        return text;
    }

    // Of 32-bit systems without the second half; "(T)" marks the frame of a trap.
    [GeneratedRegex(@"^(?<sp>[0-9a-f]{8})(`(?<sp2>[0-9a-f]{8}))? (?<ret>[0-9a-f]{8})(`(?<ret2>[0-9a-f]{8}))? (\(T\))?\s+(?<site>\S.*)$",
        RegexOptions.Multiline)]
    private static partial Regex Frame();

    [GeneratedRegex(@" 0x([0-9a-f`]+)$")]
    private static partial Regex BareAddress();

    [GeneratedRegex(@"^   \+0x(?<offset>[0-9a-f]+) (?<name>\S+) +: (Pos (?<bit>\d+), (?<bits>\d+) Bits?|.*)$",
        RegexOptions.Multiline)]
    private static partial Regex Field();

    [GeneratedRegex(@"^   (?<name>\w+) = 0n(?<value>-?\d+)$", RegexOptions.Multiline)]
    private static partial Regex Value();
}
