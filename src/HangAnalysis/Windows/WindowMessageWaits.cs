using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that have sent a window message to another thread and wait until it is handled.</summary>
/// <remarks>
/// The receiver is recorded in win32k's own structures, which public symbols do not describe. Threads that have windows
/// (KTHREAD.Win32Thread) and are stuck are the candidates; without one the owner is unknown. A receiver that shows a dialog
/// while it handles the message keeps its sender waiting as long, so that nothing of this is more than a candidate.
/// </remarks>
internal sealed class WindowMessageWaits
{
    private const string Title = "window message";

    /// <summary>Receivers that are named as candidates: a thousand messages unhandled must not make a million steps.</summary>
    private const int MostReceivers = 8;

    private static readonly HashSet<string> s_sends =
    [
        "win32k!xxxInterSendMsgEx", "win32k!xxxSendMessageTimeout", "win32k!xxxSendMessageEx", "win32k!xxxSendMessage",
        "win32kfull!xxxInterSendMsgEx", "win32kfull!xxxSendMessageTimeout", "win32kfull!xxxSendMessageEx",
        "win32kfull!xxxSendTransformableMessageTimeout", "win32kfull!xxxSendMessage", "win32kfull!xxxSendMessageToClient",
    ];

    private readonly WindowsSystem _system;
    private readonly StackSweep _sweep;
    private readonly WaitGraphBuilder _graph;
    private readonly FieldSlot _win32Thread;
    private readonly List<(ThreadFacts Sender, ObjectReference Message)> _sends = [];

    public WindowMessageWaits(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
    {
        (_system, _sweep, _graph) = (system, sweep, graph);
        _win32Thread = system.Session.Types.Get("_KTHREAD").Optional("Win32Thread");
    }

    /// <summary>Adds the step of one thread to the message that it has sent.</summary>
    public void Add(ThreadFacts thread)
    {
        if (thread.WaitReason != "WrUserRequest" || !WaitEvidence.HasLasted(thread) || !IsSend(thread))
            return;
        foreach (WaitedObject waited in thread.WaitsFor)
            if (!waited.IsTimeout && waited.Kind == ObjectKind.Event)
            {
                ObjectReference message = new(ObjectKind.Event, waited.Address);
                _graph.Add(ObjectReference.To(thread.Address), message,
                    Phrase.Of("a window message that another thread has not handled"), Certainty.Candidate,
                    DebuggerCommands.Stack(thread));
                _graph.Describe(new ObjectFacts(message, Title, null,
                    Phrase.Of("its receiver is recorded only in structures of win32k that public symbols do not describe")));
                _sends.Add((thread, message));
                break;
            }
    }

    /// <summary>Follows messages to the threads with windows that are stuck, in the sender's own session.</summary>
    public void FollowReceivers()
    {
        if (_sends.Count == 0 || !_win32Thread.IsPresent)
            return;
        List<ThreadFacts> stuck = [];
        foreach (ThreadFacts thread in _system.Threads)
            if (thread.Role == WaitRole.Blocked && WaitEvidence.HasLasted(thread)
                && _system.Session.Memory.TryReadPointer(thread.Address.Value + (ulong)_win32Thread.Offset, out ulong window)
                && _system.Session.IsObject(window))
                stuck.Add(thread);
        stuck.Sort((a, b) => (b.Age ?? default).CompareTo(a.Age ?? default) is not 0 and var order
            ? order
            : a.Address.Value.CompareTo(b.Address.Value));
        bool isCut = false;
        foreach ((ThreadFacts sender, ObjectReference message) in _sends)
        {
            int named = 0;
            foreach (ThreadFacts receiver in stuck)
            {
                if (receiver.Process.SessionId != sender.Process.SessionId)
                    continue;
                if (named++ == MostReceivers)
                {
                    isCut = true;
                    break;
                }
                _graph.Add(message, ObjectReference.To(receiver.Address),
                    Phrase.Of("perhaps this thread, which has windows and is blocked"), Certainty.Candidate,
                    DebuggerCommands.Stack(receiver));
            }
        }
        if (isCut)
            _system.Session.AddUnknown("further possible receivers of window messages",
                $"of {stuck.Count:N0} blocked threads with windows the {MostReceivers} of a session that have waited longest are named");
    }

    private bool IsSend(ThreadFacts thread)
    {
        foreach (string function in _sweep.Functions(thread))
            if (s_sends.Contains(function))
                return true;
        return false;
    }
}
