using System.Diagnostics;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>One run of the loop.</summary>
/// <param name="Frames">Frames of all threads.</param>
/// <param name="Walking">Milliseconds of the two calls.</param>
/// <param name="Switching">Milliseconds of going from process to process.</param>
internal readonly record struct LoopRun(int Frames, double Walking, double Switching);

/// <summary>What extensions usually do: make every thread the current one, and have the engine walk its stack.</summary>
/// <remarks>
/// A loop over all threads finds whole stacks only where each process's memory is switched to and its modules are loaded
/// (<c>.process</c>, <c>.reload /user</c>); otherwise the engine sees the kernel's frames and one or two more. That is done
/// once a process and not counted: the loop is measured at its best. Nor does it look up any name, as <c>!us</c> does.
/// </remarks>
internal sealed class StackLoop(EngineSession engine, IReadOnlyList<EngineProcess> processes) : IDisposable
{
    private const int MostFrames = 64;

    private readonly DebugSystemObjects _objects = new(engine.Interface);
    private readonly DebugStackFrame[] _frames = new DebugStackFrame[MostFrames];

    /// <summary>Walks all stacks; afterwards the engine looks at the same process and thread as before.</summary>
    public LoopRun Run(bool withUserModules)
    {
        (ulong process, ulong thread) = (_objects.ImplicitProcess, _objects.ImplicitThread);
        int frames = 0;
        long walking = 0, switching = 0;
        try
        {
            foreach (EngineProcess each in processes)
            {
                long start = Stopwatch.GetTimestamp();
                if (withUserModules)
                    SwitchTo(each.Address);
                long switched = Stopwatch.GetTimestamp();
                foreach (ulong address in each.Threads)
                {
                    _objects.ImplicitThread = address;
                    frames += engine.Control.GetStackTrace(_frames);
                }
                switching += switched - start;
                walking += Stopwatch.GetTimestamp() - switched;
            }
        }
        finally
        {
            if (withUserModules)
                SwitchTo(process);
            _objects.ImplicitThread = thread;
        }
        return new LoopRun(frames, Milliseconds(walking), Milliseconds(switching));
    }

    /// <inheritdoc/>
    public void Dispose() => _objects.Dispose();

    private void SwitchTo(ulong process)
    {
        _objects.ImplicitProcess = process;
        engine.Execute(".reload /user");
    }

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;
}
