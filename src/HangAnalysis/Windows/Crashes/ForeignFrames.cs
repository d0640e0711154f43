using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Finds the frame of a stack that is no part of Windows: the first that a stop may be owed to.</summary>
internal static class ForeignFrames
{
    /// <summary>
    /// The innermost frame of a driver that is not Microsoft's; null where there is none. Frames that were found by scanning
    /// the stack accuse nobody, and end the search: what lies behind them may be left from earlier calls.
    /// </summary>
    /// <param name="frames">The frames, innermost first.</param>
    /// <param name="count">How many of them are looked at.</param>
    public static FrameFacts? Find(IReadOnlyList<FrameFacts> frames, int count = int.MaxValue)
    {
        FrameFacts? unknown = null;
        for (int i = 0; i < frames.Count && i < count; i++)
        {
            FrameFacts frame = frames[i];
            if (frame.Certainty == Certainty.Candidate || frame.Module is { IsUserMode: true })
                break;
            if (frame.Module is { Origin: ModuleOrigin.ThirdParty })
                return frame;
            if (frame.Module is { Origin: ModuleOrigin.Unknown })
                unknown ??= frame;
        }
        return unknown;
    }

    /// <summary>Whether a module may be accused: those of Windows are victims, or stand for the device behind them.</summary>
    public static bool IsForeign(ModuleFacts module) => module.Origin is ModuleOrigin.ThirdParty or ModuleOrigin.Unknown;

    /// <summary>A module with its company, where that is known: <c>iaStorAC.sys (Intel Corporation)</c>.</summary>
    public static string Title(ModuleFacts module) =>
        module.Company is null ? module.FileName : $"{module.FileName} ({module.Company})";
}
