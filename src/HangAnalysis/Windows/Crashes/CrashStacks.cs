using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Finds out who called, on the stack of a stop.</summary>
/// <remarks>Only unwound frames count: what a search of the stack finds may be left over from earlier calls.</remarks>
internal static class CrashStacks
{
    /// <summary>
    /// Whether a module is no part of Windows. One of which the dump holds no version, as small dumps do, is known by its name
    /// where it is Windows'.
    /// </summary>
    public static bool IsForeign(ModuleFacts module) => module.Origin is ModuleOrigin.ThirdParty or ModuleOrigin.Unknown;

    /// <summary>The unwound frames of the stack that stopped, innermost first.</summary>
    public static IReadOnlyList<FrameFacts> Unwound(CrashCase crash)
    {
        if (crash.System.GetStopStack() is not { } stop)
            return [];
        int count = 0;
        while (count < stop.Stack.Frames.Count && stop.Stack.Frames[count].Certainty == Certainty.Proven)
            count++;
        return [.. stop.Stack.Frames.Take(count)];
    }

    /// <summary>
    /// The first kernel frame that is no part of Windows, else the first that is no core part of it: the driver that made a bad
    /// call. Null where everything unwound is core.
    /// </summary>
    public static FrameFacts? FirstCaller(CrashCase crash) => FirstCaller(crash, out _);

    /// <summary>The same, and whether no other driver's frame lies between: then the call is its own.</summary>
    public static FrameFacts? FirstCaller(CrashCase crash, out bool isDirect)
    {
        FrameFacts? system = null;
        isDirect = true;
        foreach (FrameFacts frame in Unwound(crash))
        {
            if (frame.Module is { IsUserMode: true })
                break;
            if (frame.Module is { } module && IsForeign(module))
            {
                isDirect = system is null;
                return frame;
            }
            if (frame.Module is { Origin: ModuleOrigin.System })
                system ??= frame;
        }
        return system;
    }
}
